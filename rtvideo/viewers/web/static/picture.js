"use strict";

// The picture: both halves of what comes, drawn around a divider.

const at = (id) => document.getElementById(id);
const video = at("video"), canvas = at("picture"), pen = canvas.getContext("2d", { alpha: false });

let drawn = null; // what holds both pictures side by side: the video, the last JPEG, or a copy that is held
let shape = { width: 640, height: 360 }; // of each picture, as it is sent
let turn = 0; // degrees clockwise until it is upright
let held = false;
let comparing = true;

/** Show what has just come, unless the picture is held. */
function show(source) {
  if (held) return;
  drawn = source;
  draw();
}

function draw() {
  if (!drawn) return;
  const cut = comparing ? Math.round((at("split").value / 1000) * canvas.width) : 0;
  drawHalf(1, canvas.width);
  if (cut) drawHalf(0, cut);
}

/** Draw the left (0) or right (1) half of what came, upright, as far as the given column. */
function drawHalf(half, end) {
  const { width, height } = shape;
  pen.save();
  pen.beginPath();
  pen.rect(0, 0, end, canvas.height);
  pen.clip();
  pen.translate(canvas.width / 2, canvas.height / 2);
  pen.rotate((turn * Math.PI) / 180);
  pen.drawImage(drawn, half * width, 0, width, height, -width / 2, -height / 2, width, height);
  pen.restore();
}

function setShape() {
  const { width, height } = shape;
  [canvas.width, canvas.height] = turn % 180 ? [height, width] : [width, height];
  document.documentElement.style.setProperty("--width", canvas.width);
  document.documentElement.style.setProperty("--height", canvas.height);
  draw();
}

function setSplit() {
  const share = at("split").value / 1000;
  at("divider").style.left = `${100 * share}%`;
  at("before").classList.toggle("gone", share < 0.15);
  at("after").classList.toggle("gone", share > 0.85);
  at("split").setAttribute("aria-valuetext", `${Math.round(100 * share)} % as recorded`);
  draw();
}

/** Keep the picture as it is, with both halves; or go on with what comes. */
function setHold(on) {
  if (on && drawn) {
    const copy = document.createElement("canvas");
    [copy.width, copy.height] = [2 * shape.width, shape.height];
    copy.getContext("2d", { alpha: false }).drawImage(drawn, 0, 0);
    drawn = copy;
  }
  held = on && drawn !== null;
  at("hold").setAttribute("aria-pressed", held);
}

function setComparing(on) {
  comparing = on;
  at("compare").setAttribute("aria-pressed", on);
  at("stage").classList.toggle("single", !on);
  draw();
}
