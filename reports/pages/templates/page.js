"use strict";
// Draws each chart at the width of the page and in the reader's colours, and again when either changes.
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const drawn = [];

function colours() {
  const style = getComputedStyle(document.documentElement);
  const ink = style.getPropertyValue("--ink").trim(), soft = style.getPropertyValue("--soft").trim();
  const line = style.getPropertyValue("--line").trim();
  const size = window.innerWidth >= 1600 ? 14 : 12;
  const words = { labelColor: soft, titleColor: soft, titleFontWeight: "normal", labelFontSize: size, titleFontSize: size };
  return {
    background: null,
    font: 'system-ui, "Segoe UI", "DejaVu Sans", sans-serif',
    title: { color: ink, subtitleColor: soft },
    axis: { ...words, gridColor: line, domainColor: soft, tickColor: soft },
    axisX: { labelSeparation: 10 },
    legend: words,
    header: { labelColor: soft, titleColor: soft },
    text: { color: ink },
    rule: { color: soft },
    view: { stroke: line },
  };
}

// A line of text as several of at most so many letters, broken between words.
function wrapped(text, letters) {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines[lines.length - 1];
    if (last && last.length + word.length >= letters) lines.push(word);
    else lines[lines.length - 1] = last ? last + " " + word : word;
  }
  return lines;
}

// A plot gets what the page leaves beside its axes and legend, `beside` pixels; a narrow page has the legend below.
function fit(spec, width, beside) {
  const narrow = width < 560;
  const walk = (node) => {
    if (!node || typeof node !== "object") return;
    if (Array.isArray(node)) { node.forEach(walk); return; }
    if (typeof node.width === "number" && (node.mark || node.layer)) node.width = Math.max(140, width - beside);
    if (narrow && node.title && typeof node.title.text === "string") {
      node.title.text = wrapped(node.title.text, Math.floor(width / 9));
      node.title.frame = "bounds";
    }
    if (narrow && node.legend && typeof node.legend === "object") {
      Object.assign(node.legend, { orient: "bottom", columns: 1 });
      if (node.legend.gradientLength) node.legend.gradientLength = 140;
    }
    if (narrow && node.axis && node.axis.labelLimit) node.axis.labelLimit = 90;
    for (const key of ["vconcat", "hconcat", "layer", "encoding", "color", "condition", "y", "spec"]) walk(node[key]);
  };
  walk(spec);
  return spec;
}

// How wide axes and legends are is known once they are drawn: the second time a chart fills its place.
async function drawOne(place) {
  const text = document.getElementById(place.dataset.spec).textContent;
  const options = { renderer: "svg", actions: false, config: colours(), logLevel: 2 };
  const room = place.clientWidth;
  const beside = room < 560 ? 110 : 250;
  let result = await vegaEmbed(place, fit(JSON.parse(text), room, beside), options);
  const over = Math.ceil(place.querySelector("svg").getBoundingClientRect().width) - room;
  if (over > 0 || over < -8) {
    result.finalize();
    result = await vegaEmbed(place, fit(JSON.parse(text), room, beside + over), options);
  }
  drawn.push(result);
}

async function draw() {
  while (drawn.length) drawn.pop().finalize();
  for (const place of document.querySelectorAll(".chart")) await drawOne(place);
  document.documentElement.dataset.drawn = "yes";
}

let waiting;
let width = window.innerWidth;
window.addEventListener("resize", () => {
  if (window.innerWidth === width) return;
  width = window.innerWidth;
  clearTimeout(waiting);
  waiting = setTimeout(draw, 150);
});
dark.addEventListener("change", draw);
draw();
