// Runs in the audio thread: gathers 100 ms of the microphone, as 16-bit samples, and hands them on.
class Recorder extends AudioWorkletProcessor {
  constructor() {
    super();
    this.block = new Int16Array(Math.round(sampleRate / 10));
    this.filled = 0;
  }

  process([channels]) {
    const sound = channels[0];
    if (!sound) return true;
    for (const sample of sound) {
      this.block[this.filled++] = Math.max(-1, Math.min(1, sample)) * 32767;
      if (this.filled === this.block.length) {
        const full = this.block;
        this.block = new Int16Array(full.length);
        this.filled = 0;
        this.port.postMessage(full, [full.buffer]);
      }
    }
    return true;
  }
}

registerProcessor("recorder", Recorder);
