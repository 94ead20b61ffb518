"use strict";
// Next and previous change: keys n and p, and two buttons. Without this script the page is whole; the list links too.
const changes = Array.from(document.querySelectorAll("[data-change]"));
const bar = document.querySelector(".keys");
const place = document.getElementById("place");
let current = -1;
function go(step) {
  if (changes.length === 0) return;
  current = current < 0 && step < 0 ? changes.length - 1 : (current + step + changes.length) % changes.length;
  const target = changes[current];
  const folded = target.closest("details");
  if (folded) folded.open = true;
  target.focus({ preventScroll: true });
  target.scrollIntoView({ block: "center" });
  place.textContent = current + 1 + " / " + changes.length;
}
if (changes.length > 0) bar.hidden = false;
document.getElementById("next").addEventListener("click", () => go(1));
document.getElementById("previous").addEventListener("click", () => go(-1));
document.addEventListener("focusin", (event) => {
  const at = changes.indexOf(event.target);
  if (at >= 0) current = at;
});
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "n") go(1);
  else if (event.key === "p") go(-1);
});
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
