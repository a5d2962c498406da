// Owns the table of tracks in the browser: its buttons, its moving bars, and word of files too big to come.

const BOARD = "at-board";
const ZONE = ".st-key-tracks-drop";
const tables = new WeakMap();

function make(parentElement) {
  const board = document.createElement("div");
  board.className = BOARD;
  parentElement.appendChild(board);
  const table = { board, html: null, ask: () => {}, maxBytes: Infinity };

  board.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-do]");
    if (button !== null) table.ask({ what: button.dataset.do, key: button.dataset.key });
  });
  board.addEventListener("change", (event) => {
    const { dataset, checked } = event.target;
    if (dataset.do !== undefined) table.ask({ what: dataset.do, key: dataset.key, on: checked });
  });

  // The uploader turns big files away in the browser, and the program would never hear of them.
  const look = (files, event) => {
    if (!board.isConnected) {
      document.removeEventListener("drop", dropped, true);
      document.removeEventListener("change", picked, true);
      return;
    }
    if (event.target.closest?.(ZONE) === null) return;
    const big = Array.from(files ?? []).filter((file) => file.size > table.maxBytes);
    if (big.length > 0) {
      table.ask({ what: "too big", files: big.map(({ name, size }) => ({ name, size })) });
    }
  };
  const dropped = (event) => look(event.dataTransfer?.files, event);
  const picked = (event) => look(event.target.files, event);
  document.addEventListener("drop", dropped, true);
  document.addEventListener("change", picked, true);
  return table;
}

function draw(table, html) {
  if (html === table.html) return;
  table.html = html;
  const within = table.board.getRootNode().activeElement;
  const focus = within?.dataset?.focus;
  const scrolled = table.board.querySelector(".scroll")?.scrollLeft ?? 0;
  table.board.innerHTML = html;
  const scroll = table.board.querySelector(".scroll");
  if (scroll !== null) scroll.scrollLeft = scrolled;
  if (focus !== undefined) {
    table.board.querySelector(`[data-focus="${CSS.escape(focus)}"]`)?.focus({ preventScroll: true });
  }
}

function move(board, progress) {
  for (const [key, share] of Object.entries(progress)) {
    const bar = board.querySelector(`[data-progress="${CSS.escape(key)}"]`);
    if (bar === null) continue;
    const known = share >= 0;
    bar.classList.toggle("unknown", !known);
    bar.querySelector(".fill").style.transform = known ? `scaleX(${share})` : "";
    if (known) bar.setAttribute("aria-valuenow", Math.round(100 * share));
    else bar.removeAttribute("aria-valuenow");
    const figure = board.querySelector(`[data-figure="${CSS.escape(key)}"]`);
    figure.textContent = known ? `${Math.round(100 * share)} %` : "Analysing";
  }
}

export default function show({ data, parentElement, setTriggerValue }) {
  let table = tables.get(parentElement);
  if (table === undefined) tables.set(parentElement, (table = make(parentElement)));
  table.ask = (asked) => setTriggerValue("asked", asked);
  table.maxBytes = data.max_bytes;
  draw(table, data.html);
  move(table.board, data.progress);
  if (document.title !== data.title) document.title = data.title;
}
