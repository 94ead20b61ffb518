"use strict";
// Next and previous change by n and p. Without this script every page is whole; its list of changes links too.
const changes = Array.from(document.querySelectorAll("[data-change]"));
let current = -1;
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "INPUT" || !changes.length) return;
  const step = { n: 1, p: -1 }[event.key];
  if (!step) return;
  current = current < 0 && step < 0 ? changes.length - 1 : (current + step + changes.length) % changes.length;
  const folded = changes[current].closest("details");
  if (folded) folded.open = true;
  changes[current].focus();
});
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
