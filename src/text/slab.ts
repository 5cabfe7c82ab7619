/**
 * Arrays of a text's facts, cut from larger ones: a typed array with a buffer of its own takes ten times as long to make and to free.
 * A chunk lives as long as one of its pieces; pieces of texts that come together are forgotten together.
 */
const CHUNK = 65_536;

let numbers = new Int32Array(CHUNK);
let numbersUsed = 0;
let bytes = new Uint8Array(CHUNK);
let bytesUsed = 0;

/** `length` zeros. */
export function cutNumbers(length: number): Int32Array {
  if (length > CHUNK / 4) return new Int32Array(length);
  if (numbersUsed + length > CHUNK) {
    numbers = new Int32Array(CHUNK);
    numbersUsed = 0;
  }
  numbersUsed += length;
  return numbers.subarray(numbersUsed - length, numbersUsed);
}

/** `length` zeros. */
export function cutBytes(length: number): Uint8Array {
  if (length > CHUNK / 4) return new Uint8Array(length);
  if (bytesUsed + length > CHUNK) {
    bytes = new Uint8Array(CHUNK);
    bytesUsed = 0;
  }
  bytesUsed += length;
  return bytes.subarray(bytesUsed - length, bytesUsed);
}
