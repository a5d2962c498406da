// The table of tracks: its buttons, small mood timelines, moving bars, and word of files too big to upload.

const ROOT = "at-root";
const ZONE = ".st-key-tracks-drop";
const tables = new WeakMap();

function make(parentElement) {
  const root = document.createElement("div");
  root.className = ROOT;
  parentElement.appendChild(root);
  const table = { root, html: null, waiting: [], tell: () => {}, maxBytes: Infinity };
  table.request = (request) => {
    table.waiting.push(numbered(request));
    table.tell();
  };
  table.isPressed = whilePressed(root, () => draw(table, table.data));

  root.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-action]");
    if (button !== null) table.request({ action: button.dataset.action, key: button.dataset.key });
  });
  root.addEventListener("click", (event) => {
    const button = event.target.closest("button.unfold");
    if (button === null) return;
    table.unfolded = !table.unfolded;
    fold(table);
  });
  root.addEventListener("change", (event) => {
    const { dataset, checked } = event.target;
    if (dataset.action !== undefined) table.request({ action: dataset.action, key: dataset.key, on: checked });
  });

  // The uploader turns big files away in the browser, and the program would never hear of them.
  const check = (files, event) => {
    if (!root.isConnected) {
      document.removeEventListener("drop", dropped, true);
      document.removeEventListener("change", picked, true);
      return;
    }
    if (event.target.closest?.(ZONE) === null) return;
    const big = Array.from(files ?? []).filter((file) => file.size > table.maxBytes);
    if (big.length > 0) {
      table.request({ action: "too big", files: big.map(({ name, size }) => ({ name, size })) });
    }
  };
  const dropped = (event) => check(event.dataTransfer?.files, event);
  const picked = (event) => check(event.target.files, event);
  document.addEventListener("drop", dropped, true);
  document.addEventListener("change", picked, true);
  return table;
}

function draw(table, { html, moods, progress, analysing }) {
  if (table.isPressed()) return;
  const restore = html === table.html ? () => {} : replace(table, html, moods);
  // Before the focus and the scroll are put back, which lays the page out: new bars would glide up from nothing.
  move(table.root, progress, analysing);
  restore();
}

function replace(table, html, moods) {
  table.html = html;
  const focus = table.root.getRootNode().activeElement?.dataset?.focus;
  table.root.innerHTML = html;
  for (const timeline of table.root.querySelectorAll("[data-borders]")) fill(timeline, moods);
  return () => {
    fold(table);
    if (focus === undefined) return;
    table.root.querySelector(`[data-focus="${CSS.escape(focus)}"]`)?.focus({ preventScroll: true });
  };
}

// Whether all rows are shown is for the person to say: no drawing says it.
function fold({ root, unfolded = false }) {
  root.querySelector(".rows-of-tracks")?.classList.toggle("folded", !unfolded);
  const button = root.querySelector("button.unfold");
  if (button === null) return;
  button.textContent = unfolded ? button.dataset.fewer : button.dataset.more;
  button.setAttribute("aria-expanded", unfolded);
}

// One shape for each mood, between a border and the next; there is one border more than moods.
function fill(timeline, moods) {
  const heights = Uint8Array.from(atob(timeline.dataset.borders), (sign) => sign.charCodeAt(0));
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
    timeline.append(band);
  });
}

function move(root, progress, analysing) {
  for (const [key, share] of Object.entries(progress)) {
    const bar = root.querySelector(`[data-progress="${CSS.escape(key)}"]`);
    if (bar === null) continue;
    const known = share >= 0;
    bar.classList.toggle("unknown", !known);
    bar.querySelector(".fill").style.transform = known ? `scaleX(${share})` : "";
    if (known) bar.setAttribute("aria-valuenow", Math.round(100 * share));
    else bar.removeAttribute("aria-valuenow");
    const figure = root.querySelector(`[data-figure="${CSS.escape(key)}"]`);
    if (figure !== null) figure.textContent = known ? `${Math.round(100 * share)} %` : analysing;
  }
}

export default function show({ data, parentElement, setTriggerValue }) {
  let table = tables.get(parentElement);
  if (table === undefined) tables.set(parentElement, (table = make(parentElement)));
  table.data = data;
  table.tell = () => setTriggerValue("asked", { requests: table.waiting });
  table.waiting = notDone(table.waiting, data.done);
  if (table.waiting.length > 0) table.tell();
  table.maxBytes = data.max_bytes;
  draw(table, data);
  showTitle(data.title, "tracks");
}
