// Draws every chart of the page from the JSON beside it. The page holds no script of its own, so none can be injected.
"use strict";
(async function () {
  const places = Array.from(document.querySelectorAll("[data-chart]"));
  const options = { responsive: true, displaylogo: false, displayModeBar: false };
  for (const place of places) {
    const figure = JSON.parse(document.getElementById(place.dataset.chart).textContent);
    const fixed = figure.layout.width !== undefined;
    await Plotly.newPlot(place, figure.data, figure.layout, { ...options, responsive: !fixed });
  }
  document.documentElement.dataset.charts = String(places.length);
})();
