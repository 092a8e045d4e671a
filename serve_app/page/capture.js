/**
 * In the audio thread: the microphone's sound at 16 kHz as PCM16, and the gate that decides what is worth sending.
 *
 * Messages in: {mode}: "off", "hold" (everything) or "gate" (from 300 ms before something is heard until 1.2 s after
 * the last of it). Messages out: {audio: ArrayBuffer}, {level: 0..1}, {open: boolean}.
 */

const OUT_RATE = 16_000;
const FRAME = OUT_RATE / 50; // 20 ms
const PRE_ROLL_FRAMES = 15;
const HANG_FRAMES = 60;
const SEND_FRAMES = 2;
const LEVEL_FRAMES = 3;

/** Windowed-sinc resampling, 16 zero crossings of the lower rate to each side. */
class Resampler {
  constructor(from, to) {
    this.step = from / to;
    this.cutoff = Math.min(1, to / from) * 0.94;
    this.half = Math.ceil(16 / this.cutoff);
    this.kept = new Float32Array(2 * this.half);
    this.position = this.half;
    // The kernel at 64 places between samples is near enough to any.
    this.phases = Array.from({ length: 65 }, (_, phase) => this.#kernel(phase / 64));
  }

  #kernel(fraction) {
    const taps = new Float32Array(2 * this.half);
    for (let index = 0; index < taps.length; index++) {
      const time = index - this.half + 1 - fraction;
      const angle = Math.PI * time * this.cutoff;
      const window = 0.5 + 0.5 * Math.cos((Math.PI * time) / (this.half + 1));
      taps[index] = this.cutoff * window * (Math.abs(angle) < 1e-6 ? 1 : Math.sin(angle) / angle);
    }
    return taps;
  }

  process(input, give) {
    const samples = new Float32Array(this.kept.length + input.length);
    samples.set(this.kept);
    samples.set(input, this.kept.length);
    while (this.position + this.half < samples.length) {
      const whole = Math.floor(this.position);
      const taps = this.phases[Math.round((this.position - whole) * 64)];
      const first = whole - this.half + 1;
      let sum = 0;
      for (let index = 0; index < taps.length; index++) sum += taps[index] * samples[first + index];
      give(sum);
      this.position += this.step;
    }
    const drop = Math.max(0, Math.min(samples.length, Math.floor(this.position) - this.half));
    this.kept = samples.slice(drop);
    this.position -= drop;
  }
}

/** Whether there is something to hear: louder than the room's own noise, which it learns. */
class Gate {
  noise = -60;
  loud = 0;
  hang = 0;

  /** `level`: a frame's loudness in dB below full scale. */
  hears(level) {
    const above = level > Math.max(-58, Math.min(this.noise + 8, -30));
    // The floor falls at once and rises 3 dB a second, 1 dB under speech, which so does not become the room's noise.
    const change = level < this.noise ? 0.3 * (level - this.noise) : above ? 0.02 : 0.06;
    this.noise = Math.max(-80, this.noise + change);
    this.loud = above ? this.loud + 1 : 0;
    if (this.loud >= 2 || (above && this.hang)) this.hang = HANG_FRAMES;
    else if (this.hang) this.hang -= 1;
    return this.hang > 0;
  }
}

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.resampler = new Resampler(sampleRate, OUT_RATE);
    this.gate = new Gate();
    this.mode = "off";
    this.open = false;
    this.frame = new Float32Array(FRAME);
    this.filled = 0;
    this.before = [];
    this.ready = [];
    this.frames = 0;
    this.loudest = -100;
    this.port.onmessage = ({ data }) => this.#change(data.mode);
  }

  #change(mode) {
    if (mode === this.mode) return;
    this.#send();
    this.mode = mode;
    this.before = [];
    this.gate.hang = 0;
    this.#open(mode === "hold");
    this.port.postMessage({ mode });
  }

  process([input]) {
    if (input[0]) {
      this.resampler.process(input[0], (sample) => {
        this.frame[this.filled++] = sample;
        if (this.filled === FRAME) this.#complete();
      });
    }
    return true;
  }

  #complete() {
    this.filled = 0;
    let energy = 0;
    const pcm = new Int16Array(FRAME);
    for (let index = 0; index < FRAME; index++) {
      const sample = Math.max(-1, Math.min(1, this.frame[index]));
      energy += sample * sample;
      pcm[index] = Math.round(sample * 32767);
    }
    const level = 10 * Math.log10(energy / FRAME + 1e-10);
    this.#meter(level);
    const heard = this.gate.hears(level);
    if (this.mode === "hold") this.#queue(pcm);
    else if (this.mode === "gate") this.#pass(pcm, heard);
  }

  #pass(pcm, heard) {
    if (heard) {
      if (!this.open) this.ready.push(...this.before.splice(0));
      this.#open(true);
      this.#queue(pcm);
      return;
    }
    if (this.open) this.#send();
    this.#open(false);
    this.before.push(pcm);
    if (this.before.length > PRE_ROLL_FRAMES) this.before.shift();
  }

  #queue(pcm) {
    this.ready.push(pcm);
    if (this.ready.length >= SEND_FRAMES) this.#send();
  }

  #send() {
    if (!this.ready.length) return;
    const whole = new Int16Array(this.ready.length * FRAME);
    this.ready.forEach((pcm, index) => whole.set(pcm, index * FRAME));
    this.ready = [];
    this.port.postMessage({ audio: whole.buffer }, [whole.buffer]);
  }

  #open(open) {
    if (open !== this.open) this.port.postMessage({ open });
    this.open = open;
  }

  #meter(level) {
    this.loudest = Math.max(this.loudest, level);
    if (++this.frames < LEVEL_FRAMES) return;
    this.port.postMessage({ level: Math.max(0, Math.min(1, (this.loudest + 60) / 50)) });
    this.frames = 0;
    this.loudest = -100;
  }
}

registerProcessor("capture", Capture);
