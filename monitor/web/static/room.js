"use strict";
// Next and previous change by n and p, and by two buttons. Without this script every page is whole; its list links too.
let changes = Array.from(document.querySelectorAll("[data-change]"));
const keys = document.querySelector(".keys");
let current = -1;
function go(step) {
  changes = Array.from(document.querySelectorAll("[data-change]"));
  const shown = changes.filter((one) => one.closest("details") || one.getClientRects().length > 0);
  if (shown.length === 0) return;
  const at = shown.indexOf(changes[current]);
  const next = shown[at < 0 && step < 0 ? shown.length - 1 : (at + step + shown.length) % shown.length];
  current = changes.indexOf(next);
  const folded = next.closest("details");
  if (folded) folded.open = true;
  next.focus({ preventScroll: true });
  next.scrollIntoView({ block: "center" });
  if (keys) keys.querySelector(".place").textContent = shown.indexOf(next) + 1 + " / " + shown.length;
}
if (keys && changes.length > 0) {
  keys.hidden = false;
  document.body.classList.add("walks");
  for (const button of keys.querySelectorAll("button")) button.addEventListener("click", () => go(Number(button.dataset.go)));
}
addEventListener("focusin", (event) => { if (changes.includes(event.target)) current = changes.indexOf(event.target); });
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
  const step = { n: 1, p: -1 }[event.key];
  if (step && changes.length > 0) go(step);
});
addEventListener("beforeprint", () => { for (const one of document.querySelectorAll(".statement details")) one.open = true; });

// A report has no page of its own for two columns: they are made of the marks, a row for each paragraph.
const beside = document.querySelector("[data-beside]");
const statement = document.querySelector(".statement");
function column(paragraph, unwanted) {
  const cell = document.createElement("td");
  cell.dir = "auto";
  for (const node of paragraph.cloneNode(true).childNodes) cell.append(node.cloneNode(true));
  for (const one of cell.querySelectorAll(unwanted)) one.remove();
  for (const one of cell.querySelectorAll("[id]")) one.removeAttribute("id");
  return cell;
}
function columns() {
  const table = document.createElement("table");
  table.className = "sides";
  table.lang = "";
  for (const paragraph of statement.querySelectorAll("p")) {
    const row = table.insertRow();
    if (paragraph.classList.contains("changed")) row.className = "changed";
    row.append(column(paragraph, "ins"), column(paragraph, "del"));
  }
  return table;
}
if (beside && statement) {
  let table = null;
  beside.hidden = false;
  beside.addEventListener("click", () => {
    if (!table) { table = columns(); statement.after(table); } else table.hidden = !table.hidden;
    statement.hidden = !table.hidden;
    document.body.classList.toggle("broad", !table.hidden);
    beside.textContent = table.hidden ? "Side by side" : "Inline";
  });
}
