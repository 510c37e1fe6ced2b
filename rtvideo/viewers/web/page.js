"use strict";

const at = (id) => document.getElementById(id);
const video = at("video"), canvas = at("picture"), pen = canvas.getContext("2d", { alpha: false });
const Source = window.ManagedMediaSource || window.MediaSource;

let drawn = null; // what holds both pictures side by side: the video, or the last JPEG
let player = null;
let socket = null;
let ran = null; // what the server said of the last frame
let shape = { width: 640, height: 360 }; // of each picture, as it is sent
let turn = 0; // degrees clockwise until it is upright
let pictures = Source ? "h264" : "jpeg";
let again = 500; // milliseconds until the next attempt to connect

// ---- the picture

function draw() {
  if (!drawn) return;
  const cut = Math.round((at("split").value / 1000) * canvas.width);
  drawHalf(1, canvas.width);
  if (cut) drawHalf(0, cut);
  at("message").hidden = true;
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

/** Plays fragments of MP4 close behind the last one that came. */
class Mp4 {
  constructor(mime) {
    if (!Source.isTypeSupported(mime)) throw new Error(`${mime} cannot be played`);
    this.waiting = [];
    this.source = new Source();
    this.source.addEventListener("sourceopen", () => {
      if (this.buffer || this.source.readyState !== "open") return;
      this.buffer = this.source.addSourceBuffer(mime);
      this.buffer.addEventListener("updateend", () => { this.follow(); this.append(); });
      this.append();
    });
    video.disableRemotePlayback = true; // Safari's condition for a managed source
    video.src = URL.createObjectURL(this.source);
    this.begin();
  }

  push(data) {
    this.waiting.push(data);
    this.append();
  }

  append() {
    if (!this.buffer || this.buffer.updating || this.source.readyState !== "open" || !this.waiting.length) return;
    const whole = new Uint8Array(this.waiting.reduce((size, part) => size + part.byteLength, 0));
    let place = 0;
    for (const part of this.waiting) {
      whole.set(new Uint8Array(part), place);
      place += part.byteLength;
    }
    this.waiting = [];
    this.buffer.appendBuffer(whole);
  }

  /** Stay a little behind the end, by playing faster or slower: a jump would be seen. */
  follow() {
    const ranges = this.buffer.buffered, last = ranges.length - 1;
    if (last < 0) return;
    const begin = ranges.start(last), end = ranges.end(last);
    const aim = Math.max(0.08, 1.5 / (ran?.fps || 25)), behind = end - video.currentTime;
    if (video.currentTime < begin || behind < 0 || behind > 1 + aim) {
      video.currentTime = Math.max(begin, end - aim);
    } else {
      video.playbackRate = Math.min(2, Math.max(0.5, behind / aim));
    }
    if (video.currentTime - ranges.start(0) > 20 && !this.buffer.updating) {
      this.buffer.remove(0, video.currentTime - 10);
    }
    this.behind = behind;
    if (video.paused) this.begin();
  }

  begin() {
    video.play().catch(() => {}); // refused only until data is there; `follow` tries again
  }

  close() {
    URL.revokeObjectURL(video.src);
    video.removeAttribute("src");
    video.load();
  }
}

/** Shows one JPEG after the other; while one is decoded only the newest waits. */
class Jpegs {
  push(data) {
    this.next = data;
    if (!this.busy) this.busy = this.show();
  }

  async show() {
    while (this.next) {
      const picture = new Blob([this.next], { type: "image/jpeg" });
      this.next = null;
      drawn = await createImageBitmap(picture);
      draw();
    }
    this.busy = null;
  }

  close() { this.next = null; }
}

function onFrame() {
  if (player instanceof Mp4) {
    drawn = video;
    draw();
  }
  nextFrame();
}

function nextFrame() {
  if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(onFrame);
  else requestAnimationFrame(onFrame);
}

function begin(stream) {
  player?.close();
  drawn = null;
  shape = stream;
  setShape();
  player = stream.mime.startsWith("video/") ? new Mp4(stream.mime) : new Jpegs();
}

function fallBack() {
  if (pictures === "jpeg") return;
  pictures = "jpeg";
  socket?.close();
}

// ---- the connection

function connect() {
  const place = new URL("live", location.href);
  place.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  place.search = location.search; // holds the token
  place.searchParams.set("pictures", pictures);
  const mine = (socket = new WebSocket(place));
  mine.binaryType = "arraybuffer";
  mine.onopen = () => { again = 500; say("live", true); };
  mine.onmessage = ({ data }) => {
    if (typeof data !== "string") return player?.push(data);
    const message = JSON.parse(data);
    if (message.type === "state") return showState(message);
    try {
      begin(message);
    } catch {
      fallBack();
    }
  };
  mine.onclose = ({ code }) => {
    if (mine !== socket) return;
    socket = null;
    if (document.hidden) return;
    say(code === 1001 ? "ended, waiting for the next run" : "no connection, trying again");
    setTimeout(() => { if (!socket && !document.hidden) connect(); }, again);
    again = Math.min(5000, 2 * again);
  };
}

function say(text, live = false) {
  at("status").textContent = text;
  at("status").classList.toggle("live", live);
}

// Nobody sees a hidden page: the server need not encode for it.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) socket?.close();
  else if (!socket) connect();
});

// ---- controls and figures

const percent = (share) => `${Math.round(100 * share)} %`;
const touched = { strength: 0, denoise: 0 };

for (const name of Object.keys(touched)) {
  at(name).addEventListener("input", () => {
    touched[name] = performance.now();
    at(name).nextElementSibling.textContent = percent(at(name).value);
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ [name]: Number(at(name).value) }));
  });
}

function showState(state) {
  ran = state.ran;
  at("name").textContent = state.name;
  document.title = `${state.name} – rtvideo`;
  for (const name of Object.keys(touched)) {
    // What the server says of a slider that a finger is still on is old.
    if (performance.now() - touched[name] < 1000) continue;
    at(name).value = state[name];
    at(name).nextElementSibling.textContent = percent(state[name]);
  }
  at("denoise").disabled = !state.removes_noise;
  if (!ran) return;
  if (turn !== ran.turn) {
    turn = ran.turn;
    setShape();
  }
  at("fps").textContent = `${ran.fps.toFixed(ran.fps < 10 ? 1 : 0)} frames/s`;
  // A picture's time slot ends, not begins, when it was encoded.
  const waits = Math.max(0, (player?.behind || 0) - 1 / (ran.fps || 25));
  const late = ran.latency === null ? null : ran.latency + waits;
  at("latency").textContent = late === null ? "" : `${Math.round(1000 * late)} ms behind`;
  at("dropped").textContent = ran.dropped ? `${ran.dropped} dropped` : "";
  at("engine").textContent = [ran.engine, ran.note].filter(Boolean).join(" – ");
}

at("split").addEventListener("input", setSplit);
at("split").addEventListener("keydown", (event) => {
  const step = { ArrowLeft: -20, ArrowDown: -20, ArrowRight: 20, ArrowUp: 20 }[event.key];
  if (!step) return;
  event.preventDefault();
  at("split").value = Number(at("split").value) + step;
  setSplit();
});

at("full").hidden = !document.fullscreenEnabled;
at("full").addEventListener("click", () => at("stage").requestFullscreen());

video.addEventListener("error", fallBack);
setSplit();
nextFrame();
connect();
