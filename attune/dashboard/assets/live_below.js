// The lower part of the Live board: the runs of the last two minutes, and details that stay as they were left.

// Whether details are open is for the person to say: no drawing says it, and a new page of this tab remembers it.
const OPEN_KEY = "attune-details-open";

function remembered() {
  try {
    return sessionStorage.getItem(OPEN_KEY);
  } catch {
    return null; // the browser forbids to remember
  }
}

function remember(open) {
  try {
    sessionStorage.setItem(OPEN_KEY, open ? "yes" : "no");
  } catch {
    // It stays as it is until the page is left.
  }
}

const LABELLED_S = 8;

function drawRuns(runs, strip) {
  const [lanes, names] = [strip.dataset.lanes, strip.dataset.names].map((list) => list.split("|"));
  const whole = Number(strip.dataset.length);
  runs.forEach(([look, lane, hue, start, length], index) => {
    const run = strip.children[index] ?? strip.appendChild(document.createElement("div"));
    const words = look === "unsure" ? strip.dataset.leaning.replace("{emotion}", names[lane]) : lanes[lane];
    const label = look === "accepted" && length >= LABELLED_S ? lanes[lane] : "";
    run.className = `run ${look}`;
    run.style.cssText = `--lane:${lane};--hue:var(--at-${hue});left:${(100 * start) / whole}%;width:${(100 * length) / whole}%`;
    run.title = `${words}, ${length.toFixed(1).replace(".", strip.dataset.decimals)} s`;
    if (run.textContent !== label) run.textContent = label;
  });
  while (strip.children.length > runs.length) strip.lastChild.remove();
}

function drawBars({ bars, newest, leads, accepted }, rows) {
  const ending = `, ${rows.dataset.accepted}`;
  rows.querySelectorAll(".bar").forEach((bar, index) => {
    const isAccepted = accepted && index === leads;
    const words = bars ? `${bars[index]}\u00a0%` : "–";
    bar.className = `bar${index === leads ? " leads" : ""}${isAccepted ? " accepted" : ""}`;
    bar.ariaLabel = `${bar.querySelector(".name").textContent} ${words}${isAccepted ? ending : ""}`;
    bar.querySelector(".value").firstChild.data = words;
    bar.querySelector(".fill").style.transform = `scaleX(${bars ? bars[index] / 100 : 0})`;
    const tick = bar.querySelector(".newest");
    tick.hidden = !newest;
    if (newest) tick.style.transform = `translateX(${newest[index]}%)`;
  });
}

const BARS = ["bars", "newest", "leads", "accepted"];

export default function show(component) {
  const part = mountPart(component, (values, root) => {
    const { runs, planeless } = values;
    if (runs !== undefined) drawRuns(runs, root.querySelector(".strip"));
    if (BARS.some((name) => name in values)) drawBars(feedOf(component.data.part).values, root.querySelector(".rows"));
    // Where there is no plane, the eight emotions are what there is to see.
    if (planeless && remembered() === null) root.querySelector("details").open = true;
  });
  if (part === null) return;
  const details = part.root.querySelector("details");
  details.open = details.open || remembered() === "yes";
  details.querySelector("summary").addEventListener("click", () => remember(!details.open));
}
