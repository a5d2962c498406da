// Owns the table of tracks in the browser: its buttons, small rivers, moving bars, and word of files too big to come.

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

function draw(table, { html, moods, progress }) {
  const restore = html === table.html ? () => {} : replace(table, html, moods);
  // Before anything asks where things stand: new bars would glide up from nothing.
  move(table.board, progress);
  restore();
}

function replace(table, html, moods) {
  table.html = html;
  const focus = table.board.getRootNode().activeElement?.dataset?.focus;
  const { scrollLeft = 0, scrollTop = 0 } = table.board.querySelector(".scroll") ?? {};
  table.board.innerHTML = html;
  for (const river of table.board.querySelectorAll("[data-borders]")) fill(river, moods);
  return () => {
    const scroll = table.board.querySelector(".scroll");
    if (scroll !== null) Object.assign(scroll, { scrollLeft, scrollTop });
    if (focus === undefined) return;
    table.board.querySelector(`[data-focus="${CSS.escape(focus)}"]`)?.focus({ preventScroll: true });
  };
}

// One shape for each mood, between a border and the next; there is one border more than moods.
function fill(river, moods) {
  const heights = Uint8Array.from(atob(river.dataset.borders), (sign) => sign.charCodeAt(0));
  const step = moods.length + 1;
  const columns = heights.length / step;
  const line = (border) => {
    const points = [`0 ${heights[border]}`];
    for (let column = 0; column < columns; column += 1) {
      points.push(`${(column + 0.5) / columns} ${heights[column * step + border]}`);
    }
    return [...points, `1 ${heights[(columns - 1) * step + border]}`];
  };
  moods.forEach((mood, border) => {
    const band = document.createElementNS("http://www.w3.org/2000/svg", "path");
    band.setAttribute("class", "band");
    band.setAttribute("d", `M${[...line(border), ...line(border + 1).reverse()].join("L")}Z`);
    band.style.fill = `var(--at-mood-${mood})`;
    river.append(band);
  });
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
    if (figure !== null) figure.textContent = known ? `${Math.round(100 * share)} %` : "Analysing";
  }
}

export default function show({ data, parentElement, setTriggerValue }) {
  let table = tables.get(parentElement);
  if (table === undefined) tables.set(parentElement, (table = make(parentElement)));
  table.ask = (asked) => setTriggerValue("asked", asked);
  table.maxBytes = data.max_bytes;
  draw(table, data);
  if (document.title !== data.title) document.title = data.title;
}
