// The moments of a mood timeline: pointing, keys, the player beside it, the playhead, and the image as PNG.

const ROOT = "at-root";
const timelines = new WeakMap();
const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

class MoodTimeline {
  constructor(parentElement) {
    this.root = document.createElement("div");
    this.root.className = ROOT;
    parentElement.appendChild(this.root);
    this.html = null;
    this.at = 0;
    // Media events do not bubble, but they can be caught on their way down.
    this.listeners = [
      ["timeupdate", (event) => this.onProgress(event)],
      ["seeked", (event) => this.onProgress(event)],
      ["play", (event) => this.onPlay(event)],
      ["error", (event) => this.onError(event)],
      ["attune-save-image", (event) => event.detail === this.data.key && this.root.isConnected && this.save()],
    ];
    for (const [name, listener] of this.listeners) document.addEventListener(name, listener, true);
  }

  update(data) {
    this.data = data;
    if (data.html === this.html) return;
    this.html = data.html;
    this.root.innerHTML = data.html;
    this.plot = this.root.querySelector(".timeline-plot");
    this.readout = this.root.querySelector(".readout");
    this.cursor = this.root.querySelector(".cursor");
    this.head = this.root.querySelector(".playhead");
    this.readout.textContent = data.hint;
    this.plot.addEventListener("pointermove", (event) => this.point(this.secondAt(event)));
    this.plot.addEventListener("pointerleave", () => this.leave());
    this.plot.addEventListener("click", (event) => this.playFrom(this.secondAt(event)));
    this.plot.addEventListener("keydown", (event) => this.onKey(event));
    this.plot.addEventListener("focus", () => this.point(this.at));
    this.plot.addEventListener("blur", () => this.leave());
    const audio = this.audio();
    if (audio !== null && audio.currentTime > 0) this.playhead(audio.currentTime);
  }

  audio() {
    return document.querySelector(`.st-key-player-${this.data.key} audio`);
  }

  secondAt(event) {
    const { left, width } = this.plot.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - left) / width)) * this.data.duration_s;
  }

  column(second) {
    const { moments } = this.data;
    let low = 0;
    let high = moments.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((moments[middle][0] + moments[middle + 1][0]) / 2 < second) low = middle + 1;
      else high = middle;
    }
    return moments[low];
  }

  point(second) {
    this.at = second;
    const [, moods, tags] = this.column(second);
    this.readout.replaceChildren();
    const time = document.createElement("b");
    time.textContent = clock(second);
    const more = document.createElement("span");
    more.textContent = tags ? ` · ${tags}` : "";
    this.readout.append(time, ` · ${moods}`, more);
    this.cursor.style.left = `${(100 * second) / this.data.duration_s}%`;
    this.cursor.classList.add("seen");
    this.plot.setAttribute("aria-valuenow", Math.round(second));
    this.plot.setAttribute("aria-valuetext", `${clock(second)}, ${moods}${tags ? `; ${tags}` : ""}`);
  }

  leave() {
    this.cursor.classList.remove("seen");
    this.readout.textContent = this.data.hint;
  }

  onKey(event) {
    const { duration_s: whole } = this.data;
    const step = Math.max(0.96, whole / 100);
    const moves = {
      ArrowLeft: -step,
      ArrowDown: -step,
      ArrowRight: step,
      ArrowUp: step,
      PageDown: -whole / 10,
      PageUp: whole / 10,
      Home: -whole,
      End: whole,
    };
    if (event.key in moves) this.point(Math.min(whole, Math.max(0, this.at + moves[event.key])));
    else if (event.key === "Enter") this.playFrom(this.at);
    else if (event.key === " ") this.toggle();
    else return;
    event.preventDefault();
  }

  playFrom(second) {
    clearTimeout(this.waiting);
    const audio = this.audio();
    if (audio === null) {
      // The timeline is drawn before the player.
      if (this.root.isConnected) this.waiting = setTimeout(() => this.playFrom(second), 100);
      return;
    }
    audio.currentTime = second;
    this.playhead(second);
    audio.play().catch(() => {});
  }

  toggle() {
    const audio = this.audio();
    if (audio === null || audio.paused) {
      this.playFrom(this.at);
      return;
    }
    clearTimeout(this.waiting);
    audio.pause();
  }

  isOurs(event) {
    if (this.root.isConnected) return event.target === this.audio();
    for (const [name, listener] of this.listeners) document.removeEventListener(name, listener, true);
    return false;
  }

  onProgress(event) {
    const { currentTime, paused } = event.target;
    if (this.isOurs(event) && (currentTime > 0 || !paused)) this.playhead(currentTime);
  }

  onPlay(event) {
    // One that was drawn anew elsewhere must not stop the sound of its successor.
    if (this.isOurs(event) || !this.root.isConnected || !(event.target instanceof HTMLMediaElement)) return;
    const audio = this.audio();
    if (audio !== null) audio.pause();
  }

  onError(event) {
    if (!this.isOurs(event)) return;
    this.readout.textContent = this.data.unplayable;
  }

  playhead(second) {
    const gliding = Math.abs(second - (this.shown ?? 0)) < 1 && !reducedMotion.matches;
    this.shown = second;
    this.head.style.transition = gliding ? "left 260ms linear" : "none";
    this.head.style.left = `${Math.min(100, (100 * second) / this.data.duration_s)}%`;
    this.head.classList.add("seen");
  }

  save() {
    const link = document.createElement("a");
    this.image().toBlob((blob) => {
      link.href = URL.createObjectURL(blob);
      link.download = this.data.png_name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    }, "image/png");
  }

  image() {
    const [width, height, left, inner] = [1600, 800, 60, 1480];
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [width, height];
    const pen = canvas.getContext("2d");
    const style = getComputedStyle(this.root);
    const [ground, ink] = ["--st-secondary-background-color", "--st-text-color"].map((name) =>
      style.getPropertyValue(name),
    );
    const write = (text, x, y, size, { weight = 400, align = "left", alpha = 1, room = inner } = {}) => {
      pen.save();
      pen.globalAlpha = alpha;
      pen.fillStyle = ink;
      pen.textAlign = align;
      pen.font = `${weight} ${size}px ${style.fontFamily}`;
      pen.fillText(text, x, y, room);
      pen.restore();
    };
    const shape = (path, box, y, high) => {
      pen.save();
      pen.translate(left, y);
      pen.scale(inner / box.width, high / box.height);
      pen.fillStyle = getComputedStyle(path).fill;
      pen.fill(new Path2D(path.getAttribute("d")));
      pen.restore();
    };
    pen.fillStyle = ground;
    pen.fillRect(0, 0, width, height);
    write(this.data.title, left, 76, 40, { weight: 650 });
    write(this.data.subtitle, left, 118, 24, { alpha: 0.75 });
    const wave = this.root.querySelector(".wave");
    shape(wave.firstElementChild, wave.viewBox.baseVal, 146, 90);
    const timeline = this.root.querySelector(".mood-timeline");
    for (const band of timeline.children) shape(band, timeline.viewBox.baseVal, 250, 380);
    for (const mark of this.root.querySelectorAll(".times span")) {
      const x = left + (inner * parseFloat(mark.style.left)) / 100;
      write(mark.textContent, x, 662, 20, { align: x > left ? "center" : "left", alpha: 0.75 });
    }
    this.data.legend.forEach(([mood, words], place) => {
      const x = left + (inner * place) / this.data.legend.length;
      pen.fillStyle = getComputedStyle(timeline.querySelector(`[data-mood="${mood}"]`)).fill;
      pen.fillRect(x, 694, 18, 18);
      write(words, x + 26, 710, 20, { room: inner / this.data.legend.length - 34 });
    });
    write(this.data.theme, left, 764, 22, { alpha: 0.75 });
    return canvas;
  }
}

export default function show({ data, parentElement }) {
  let timeline = timelines.get(parentElement);
  if (timeline === undefined) timelines.set(parentElement, (timeline = new MoodTimeline(parentElement)));
  timeline.update(data);
}
