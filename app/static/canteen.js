/* Progressive enhancement only: every page works without this file. */
"use strict";

document.documentElement.classList.add("js");

const all = (selector, within = document) => [...within.querySelectorAll(selector)];

/* Says a sentence to everyone: seen as a toast, read out by screen readers. */
let silence;
function announce(text) {
  const live = document.getElementById("live");
  live.textContent = text;
  clearTimeout(silence);
  silence = setTimeout(() => { live.textContent = ""; }, 8000);
}

/* Puts each element of an answer in the place of the one with the same id. */
function replaceParts(html) {
  const answer = document.createElement("template");
  answer.innerHTML = html;
  const sentence = answer.content.querySelector("[data-announce]");
  if (!sentence) throw new Error("not an answer to a tap");
  for (const part of [...answer.content.children]) {
    if (part.id) document.getElementById(part.id)?.replaceWith(part);
  }
  shareChannel();
  announce(sentence.textContent.trim());
}

/* Asks for a part of a page; who is no longer logged in gets the page anew, and with it the login. */
async function ask(address, options) {
  const headers = { "X-Requested-With": "fetch", Accept: "text/html" };
  const answer = await fetch(address, { redirect: "manual", headers, ...options });
  if (answer.type === "opaqueredirect" || answer.status === 401) location.reload();
  return answer.text();
}

/* A tap in the agenda or on today's list changes only what it touches. */
async function sendCell(form, button) {
  const cell = (button ?? form).closest(".cell, .meal");
  if (cell.ariaBusy === "true") return;
  cell.ariaBusy = "true";
  const body = new URLSearchParams(new FormData(form));
  if (button) body.set(button.name, button.value);
  try {
    replaceParts(await ask(form.getAttribute("action"), { method: "POST", body }));
    document.querySelector(`#${CSS.escape(cell.id)} button`)?.focus();
  } catch {
    announce(document.getElementById("live").dataset.failed);
  } finally {
    cell.ariaBusy = null;
  }
}

/* Staff say once how the request reached them; every form of the week carries it. */
function shareChannel() {
  const channel = document.querySelector("[data-channel]");
  if (channel) for (const each of all(".cell [name=channel]")) each.value = channel.value;
}

/* Results follow what is typed; an answer that comes late is dropped. */
let typing, turn = 0;
function findAsTyped(input) {
  clearTimeout(typing);
  typing = setTimeout(async () => {
    const mine = ++turn, place = document.getElementById(input.dataset.live ?? input.dataset.check);
    const fields = new URLSearchParams(new FormData(input.form)), address = input.form.getAttribute("action");
    try {
      /* What must not stand in an address is posted. */
      const found = await (input.dataset.ask ? ask(input.dataset.ask, { method: "POST", body: fields }) : ask(`${address}?${fields}`));
      if (mine === turn) place.innerHTML = found;
    } catch {
      announce(document.getElementById("live").dataset.failed);
    }
  }, 120);
}

/* The arrows go from the letters to the results and back. */
function stepThrough(event) {
  const place = event.target.closest("form:has([data-live])");
  const stops = place ? [place.querySelector("[data-live]"), ...all(".found a", place)] : [];
  const next = stops[stops.indexOf(event.target) + { ArrowDown: 1, ArrowUp: -1 }[event.key]];
  if (next) { event.preventDefault(); next.focus(); }
}

/* A list shows the names that begin with what is typed, whatever their accents and capitals. */
function filterNames(input) {
  const words = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase().split(/[^\p{L}\d]+/u).filter(Boolean);
  const typed = words(input.value);
  for (const row of all(input.dataset.filter)) {
    const names = words(row.querySelector("b").textContent);
    row.hidden = !typed.every((word) => names.some((name) => name.startsWith(word)));
  }
}

/* A sheet of cells is typed as in a spreadsheet. Arrows and Enter move, unless suggestions are open. */
const cellsOf = (row) => all("[data-cell-of]", row);
function stepInSheet(event, cell) {
  const typing = cell.hasAttribute("list"), at = cell.selectionStart;
  const ends = { ArrowLeft: at === 0 && cell.selectionEnd === 0, ArrowRight: at === cell.value.length };
  const key = event.key === "Enter" ? (event.shiftKey ? "ArrowUp" : "ArrowDown") : event.key;
  const rows = all("tr:has([data-cell-of])", cell.form), row = cell.closest("tr"), place = cellsOf(row).indexOf(cell);
  let next;
  if (key === "ArrowDown" || key === "ArrowUp") {
    if (typing && event.key !== "Enter") return;
    next = cellsOf(rows[rows.indexOf(row) + (key === "ArrowDown" ? 1 : -1)] ?? row)[place];
  } else if (ends[key]) next = cellsOf(row)[place + (key === "ArrowLeft" ? -1 : 1)];
  if (event.key === "Enter" || next) event.preventDefault();
  if (next) { next.focus(); next.select(); }
}

/* A dish of the library brings its allergens and origins; the one it replaces takes its own away. */
const listed = (text) => text.split(",").map((each) => each.trim()).filter(Boolean);
function declareDish(cell) {
  const row = Object.fromEntries(cellsOf(cell.closest("tr")).map((each) => [each.dataset.cellOf, each]));
  const dish = (name) => all("#dishes option").find((each) => each.value.toLowerCase() === name.trim().toLowerCase())?.dataset ?? {};
  const courses = ["starter", "main", "side", "dessert"];
  if (!courses.includes(cell.dataset.cellOf)) return;
  const before = dish(cell.dataset.before ?? cell.defaultValue), after = dish(cell.value);
  cell.dataset.before = cell.value;
  const brought = courses.flatMap((name) => listed(dish(row[name].value).allergens ?? ""));
  const gone = listed(before.allergens ?? "").filter((each) => !brought.includes(each));
  const typed = listed(row.allergens.value).filter((each) => !gone.includes(each));
  row.allergens.value = [...new Set([...typed, ...listed(after.allergens ?? "")])].join(", ");
  for (const name of ["meat_origin", "fish_origin", "bread_origin"]) {
    if (after[name] && (!row[name].value || row[name].value === before[name])) row[name].value = after[name];
    else if (before[name] && row[name].value === before[name] && !courses.some((each) => dish(row[each].value)[name])) row[name].value = "";
  }
  for (const each of Object.values(row)) markCell(each);
}
function markCell(cell) {
  cell.toggleAttribute("data-changed", cell.value !== cell.defaultValue);
}

/* What was copied from a spreadsheet goes into as many cells. */
function pasteCells(event, cell) {
  const text = event.clipboardData.getData("text/plain").replace(/\r?\n$/, "");
  if (!/[\t\n]/.test(text)) return;
  event.preventDefault();
  const rows = all("tr:has([data-cell-of])", cell.form), first = rows.indexOf(cell.closest("tr"));
  const place = cellsOf(rows[first]).indexOf(cell), touched = [];
  text.split(/\r?\n/).forEach((line, down) => line.split("\t").forEach((value, right) => {
    const target = rows[first + down] && cellsOf(rows[first + down])[place + right];
    if (target) { target.value = value.trim(); markCell(target); touched.push(target); }
  }));
  for (const each of touched) declareDish(each);
}
for (const sheet of all("[data-sheet]")) {
  for (const cell of all("[list]", sheet)) { cell.dataset.list = cell.getAttribute("list"); cell.removeAttribute("list"); }
  sheet.addEventListener("keydown", (event) => {
    if (event.target.matches("[data-cell-of]") && !event.isComposing && !event.altKey && !event.ctrlKey) stepInSheet(event, event.target);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "s" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); sheet.requestSubmit(); }
  });
  sheet.addEventListener("input", (event) => {
    const cell = event.target;
    if (!cell.matches("[data-cell-of]")) return;
    if (cell.dataset.list) cell.setAttribute("list", cell.dataset.list);
    markCell(cell);
  });
  sheet.addEventListener("change", (event) => { if (event.target.matches("[data-cell-of]")) declareDish(event.target); });
  sheet.addEventListener("focusout", (event) => { if (event.target.dataset.list) event.target.removeAttribute("list"); });
  sheet.addEventListener("paste", (event) => { if (event.target.matches("[data-cell-of]")) pasteCells(event, event.target); });
  sheet.addEventListener("submit", () => { sheet.dataset.leaving = ""; });
  addEventListener("beforeunload", (event) => {
    if (!("leaving" in sheet.dataset) && sheet.querySelector("[data-changed]")) event.preventDefault();
  });
}

/* A screen that nobody touches shows itself anew; while it cannot, it says that it is behind. */
function refreshScreen(screen) {
  setInterval(async () => {
    const live = document.getElementById("live");
    try {
      const answer = await fetch(location, { headers: { Accept: "text/html" } });
      if (!answer.ok) throw new Error(answer.status);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById(screen.id);
      if (!fresh) return location.reload();
      document.getElementById(screen.id).replaceChildren(...fresh.childNodes);
      live.textContent = "";
    } catch {
      live.textContent = live.dataset.behind;
    }
  }, screen.dataset.refresh * 1000);
}
for (const screen of all("[data-refresh]")) refreshScreen(screen);

/* Actions on rows wait until a row is ticked. */
function countRows() {
  for (const button of all("[data-needs-rows]")) {
    button.disabled = !all("[name=rowid]:checked").some((row) => row.form === button.form);
  }
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.matches("[data-cell]")) {
    event.preventDefault();
    sendCell(form, event.submitter);
  } else if (form.matches("[data-drop-blank]")) {
    for (const control of form.elements) control.disabled = control.name && !control.value;
  }
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const channel = document.querySelector("[data-channel]");
  if (button.closest("[data-cell]") && channel && !channel.reportValidity()) event.preventDefault();
  else if (button.dataset.confirm && !confirm(button.dataset.confirm)) event.preventDefault();
  else if ("print" in button.dataset) print();
  else if (button.dataset.fill) {
    document.getElementById(button.dataset.fill).value = button.value;
    button.form.querySelector(".primary").focus();
  }
});

document.addEventListener("input", (event) => {
  if (event.target.matches("[data-live], [data-check]")) findAsTyped(event.target);
  if (event.target.matches("[data-filter]")) filterNames(event.target);
});

document.addEventListener("keydown", (event) => {
  if (event.key === "ArrowDown" || event.key === "ArrowUp") stepThrough(event);
});

document.addEventListener("change", (event) => {
  const control = event.target;
  if (control.matches("[data-check-all]")) {
    for (const row of all("[name=rowid]")) if (row.form === control.form) row.checked = control.checked;
  }
  if (control.matches("[data-check-all], [name=rowid]")) countRows();
  if (control.matches("[data-channel]")) shareChannel();
  /* A date typed on a keyboard is not finished at its first digit: there the button is used. */
  if (control.matches("[data-autosubmit]") && matchMedia("(pointer: coarse)").matches) control.form.requestSubmit();
});

addEventListener("pageshow", () => {
  for (const control of all("[data-drop-blank] :disabled")) control.disabled = false;
  countRows();
  shareChannel();
});
