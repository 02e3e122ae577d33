// Text and grid take the page's colours, which change with the light or dark setting. No drag: a finger scrolls.
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const axis = (own) => ({automargin: true, gridcolor: colour("--grid"), linecolor: colour("--grid"), ...own});
const layout = (own) => ({
  paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", dragmode: false,
  margin: {l: 8, r: 24, t: 8, b: 8}, font: {color: colour("--ink"), family: "system-ui, sans-serif", size: 12},
  legend: {orientation: "h", y: 1.01, yanchor: "bottom", x: 0}, hoverlabel: {align: "left"},
  ...own, xaxis: axis(own.xaxis), yaxis: axis(own.yaxis),
});
const draw = () => figures.forEach((figure, k) => Plotly.react(
  document.getElementById(`figure-${k}`), figure.data, layout(figure.layout),
  {responsive: true, displayModeBar: false}));
draw();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
