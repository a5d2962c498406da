(() => {
  const box = document.getElementById("cloud");
  const data = JSON.parse(document.getElementById("cloud-data").textContent);
  const canvas = box.querySelector("canvas"), pen = canvas.getContext("2d");
  const legend = box.querySelector(".legend"), told = box.querySelector(".told");
  const [method, depth, colour] = box.querySelectorAll("select");
  const turn = box.querySelector("button");
  let yaw = 0.6, pitch = 0.35, held = null, turning = false, places = [];

  const option = (list, text) => list.add(new Option(text));
  Object.keys(data.methods).forEach(name => option(method, name));
  data.colours.forEach(one => option(colour, one.name));

  const shown = () => data.colours[colour.selectedIndex];
  const ramp = share => {
    const stops = data.ramp, at = share * (stops.length - 1);
    const low = Math.min(Math.floor(at), stops.length - 2), part = at - low;
    const bytes = hex => [1, 3, 5].map(start => parseInt(hex.slice(start, start + 2), 16));
    const [from, to] = [bytes(stops[low]), bytes(stops[low + 1])];
    return `rgb(${from.map((value, index) => Math.round(value + part * (to[index] - value)))})`;
  };
  const shade = index => {
    const one = shown(), value = one.values[index];
    if (value === null || value === -1 && one.labels) return null;
    if (one.labels) return one.shades[value];
    return ramp(one.high > one.low ? (value - one.low) / (one.high - one.low) : 0.5);
  };
  const words = index => {
    const one = shown(), value = one.values[index];
    const said = value === null || value === -1 && one.labels ? "unknown" : one.labels ? one.labels[value] : value;
    return `${data.names[index]}: ${said}`;
  };

  function draw() {
    const width = canvas.clientWidth, height = canvas.clientHeight, ratio = window.devicePixelRatio || 1;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    const found = data.methods[method.value], scale = Math.min(width, height) / 2;
    const [sy, cy, sp, cp] = [Math.sin(yaw), Math.cos(yaw), Math.sin(pitch), Math.cos(pitch)];
    const extents = [0, 1, 2].map(axis => Math.max(...found.deep.map(point => Math.abs(point[axis]))));
    const radius = Math.hypot(...extents), far = 2.5 * radius, size3 = 0.8 * scale / radius;
    const seen = ([x, y, z]) => {
      const back = x * sy + z * cy, across = x * cy - z * sy;
      const up = y * cp - back * sp, deep = y * sp + back * cp, near = size3 * far / (far + deep);
      return {x: width / 2 + across * near, y: height / 2 - up * near, z: deep / radius};
    };
    if (depth.value === "3") {
      pen.globalAlpha = 0.35;
      pen.strokeStyle = getComputedStyle(canvas).color;
      pen.beginPath();
      for (let axis = 0; axis < 3; axis++) for (const one of [-1, 1]) for (const other of [-1, 1]) {
        const ends = [-1, 1].map(end => seen([0, 1, 2].map(at => extents[at] * (at === axis ? end : (at + 3 - axis) % 3 === 1 ? one : other))));
        pen.moveTo(ends[0].x, ends[0].y);
        pen.lineTo(ends[1].x, ends[1].y);
      }
      pen.stroke();
    }
    places = (depth.value === "2" ? found.flat : found.deep).map((point, index) => {
      if (depth.value === "3") return {index, ...seen(point)};
      return {index, x: width / 2 + 0.92 * scale * point[0], y: height / 2 - 0.92 * scale * point[1], z: 0};
    }).sort((one, other) => other.z - one.z);
    const size = data.names.length > 300 ? 3 : 4.5;
    for (const place of places) {
      const filled = shade(place.index);
      pen.globalAlpha = filled ? 0.85 - 0.25 * Math.min(1, Math.max(0, place.z)) : 0.25;
      pen.fillStyle = filled || getComputedStyle(canvas).color;
      pen.beginPath();
      pen.arc(place.x, place.y, size * (1 - 0.2 * place.z), 0, 2 * Math.PI);
      pen.fill();
    }
  }

  function drawLegend() {
    const one = shown();
    legend.replaceChildren(...(one.labels || [one.low, one.high]).map((label, index) => {
      const entry = document.createElement("span"), dot = document.createElement("i");
      dot.style.background = one.labels ? one.shades[index] : ramp(index);
      entry.append(dot, String(label));
      return entry;
    }));
    turn.disabled = depth.value === "2";
    draw();
  }

  function step() {
    if (!turning) return;
    yaw += 0.008;
    draw();
    requestAnimationFrame(step);
  }

  canvas.addEventListener("pointerdown", event => {
    held = [event.clientX, event.clientY];
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointerup", () => { held = null; });
  canvas.addEventListener("pointermove", event => {
    if (held && depth.value === "3") {
      yaw += (event.clientX - held[0]) / 120;
      pitch = Math.max(-1.5, Math.min(1.5, pitch + (event.clientY - held[1]) / 120));
      held = [event.clientX, event.clientY];
      draw();
      return;
    }
    const edge = canvas.getBoundingClientRect();
    const apart = place => Math.hypot(place.x - event.clientX + edge.left, place.y - event.clientY + edge.top);
    const nearest = places.reduce((best, place) => apart(place) < apart(best) ? place : best, places[0]);
    told.textContent = apart(nearest) < 12 ? words(nearest.index) : told.dataset.hint;
  });
  canvas.addEventListener("keydown", event => {
    const by = {ArrowLeft: [-0.15, 0], ArrowRight: [0.15, 0], ArrowUp: [0, -0.15], ArrowDown: [0, 0.15]}[event.key];
    if (!by || depth.value === "2") return;
    event.preventDefault();
    yaw += by[0];
    pitch = Math.max(-1.5, Math.min(1.5, pitch + by[1]));
    draw();
  });
  turn.addEventListener("click", () => {
    turning = !turning;
    turn.setAttribute("aria-pressed", String(turning));
    step();
  });
  [method, depth, colour].forEach(list => list.addEventListener("change", drawLegend));
  window.addEventListener("resize", draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  drawLegend();
})();
