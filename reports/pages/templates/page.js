"use strict";
// Draws each chart at the width of the page and in the reader's colours, and again when either changes.
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const drawn = [];

function colours() {
  const style = getComputedStyle(document.documentElement);
  const ink = style.getPropertyValue("--ink").trim(), soft = style.getPropertyValue("--soft").trim();
  const line = style.getPropertyValue("--line").trim();
  return {
    background: null,
    font: 'system-ui, "Segoe UI", "DejaVu Sans", sans-serif',
    title: { color: ink, subtitleColor: soft },
    axis: { labelColor: soft, titleColor: soft, gridColor: line, domainColor: soft, tickColor: soft, titleFontWeight: "normal" },
    legend: { labelColor: soft, titleColor: soft, titleFontWeight: "normal" },
    header: { labelColor: soft, titleColor: soft },
    text: { color: ink },
    rule: { color: soft },
    view: { stroke: line },
  };
}

// A plot gets what the page has left beside its axes and legend; a narrow page has the legend below.
function fit(spec, width) {
  const narrow = width < 560;
  const walk = (node) => {
    if (!node || typeof node !== "object") return;
    if (Array.isArray(node)) { node.forEach(walk); return; }
    if (typeof node.width === "number" && (node.mark || node.layer)) {
      node.width = Math.max(160, width - (narrow ? 110 : 300));
    }
    if (narrow && node.legend && typeof node.legend === "object") node.legend.orient = "bottom";
    for (const key of ["vconcat", "hconcat", "layer", "encoding", "color", "spec"]) walk(node[key]);
  };
  walk(spec);
  return spec;
}

async function draw() {
  while (drawn.length) drawn.pop().finalize();
  for (const place of document.querySelectorAll(".chart")) {
    const spec = fit(JSON.parse(document.getElementById(place.dataset.spec).textContent), place.clientWidth);
    const result = await vegaEmbed(place, spec, { renderer: "svg", actions: false, config: colours() });
    drawn.push(result);
  }
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
