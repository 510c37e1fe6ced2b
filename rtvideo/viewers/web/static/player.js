// Players: each takes the messages of one stream and shows its pictures.

const Source = window.ManagedMediaSource || window.MediaSource;

//: Seconds that a replay goes back, and seconds of video that are kept.
const REPLAY = 10, KEPT = 20;

let player = null;
let frame = null; // what the server reports of the last frame

/** Plays fragments of MP4 close behind the last one that came, or some seconds behind it. */
class Mp4 {
  constructor(mime) {
    if (!Source.isTypeSupported(mime)) throw new Error(`${mime} cannot be played`);
    this.lag = 0; // seconds behind, for a replay
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
    const begin = ranges.start(last), end = ranges.end(last), behind = end - video.currentTime;
    const aim = this.lag || Math.max(0.08, 1.5 / (frame?.fps || 25));
    if (video.currentTime < begin || behind < 0 || Math.abs(behind - aim) > 1) {
      video.currentTime = Math.max(begin, end - aim);
    } else {
      video.playbackRate = this.lag ? 1 : Math.min(2, Math.max(0.5, behind / aim));
    }
    if (end - ranges.start(0) > 2 * KEPT && !this.buffer.updating) this.buffer.remove(0, end - KEPT);
    this.behind = behind;
    if (video.paused) this.begin();
  }

  /** Go back as far as wanted and possible, or return to the end; return whether it is a replay now. */
  replay(on) {
    const ranges = this.buffer?.buffered, last = (ranges?.length ?? 0) - 1;
    this.lag = on && last >= 0 ? Math.min(REPLAY, ranges.end(last) - ranges.start(last)) : 0;
    if (last >= 0) this.follow();
    return this.lag > 0;
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
      show(await createImageBitmap(picture));
    }
    this.busy = null;
  }

  replay() { return false; }

  close() { this.next = null; }
}

function setReplay(on) {
  const replaying = player?.replay(on) ?? false;
  at("replay").setAttribute("aria-pressed", replaying);
  if (replaying) setHold(false);
}

/** Begin a new stream; throws where this browser cannot play it. */
function begin(stream) {
  player?.close();
  drawn = null;
  setHold(false);
  shape = stream;
  setShape();
  player = stream.mime.startsWith("video/") ? new Mp4(stream.mime) : new Jpegs();
  at("replay").hidden = player instanceof Jpegs;
  setReplay(false);
}

function onFrame() {
  if (player instanceof Mp4) show(video);
  awaitFrame();
}

function awaitFrame() {
  if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(onFrame);
  else requestAnimationFrame(onFrame);
}

awaitFrame();
