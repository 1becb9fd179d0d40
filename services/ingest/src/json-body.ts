import { invalidJson, placeOfBreak, type HttpProblem } from '@milena/http';

const LINE_FEED = 0x0a;

/** The line and the column at which a byte stands, both from 1. */
function positionOf(body: Buffer, at: number): { line: number; column: number } {
  let line = 1;
  let lineStart = 0;
  for (let i = 0; i < at; i += 1) {
    if (body[i] !== LINE_FEED) continue;
    line += 1;
    lineStart = i + 1;
  }
  return { line, column: body.toString('utf8', lineStart, at).length + 1 };
}

interface Span {
  start: number;
  end: number;
}

/**
 * The refusal of an array that breaks in or behind one of its elements, without reading the rest of it.
 * @param span from the start of the element to behind the byte that is wrong; from that of the array when it is empty
 * @param index which element it is; below 0 for an empty array
 */
export function brokenAround(body: Buffer, span: Span, index: number): HttpProblem {
  // Stands for the array up to there, so that the break is told as that of the whole would be.
  const before = index < 0 ? '' : index === 0 ? '[' : '[0,';
  const place = placeOfBreak(before + body.toString('utf8', span.start, span.end));
  if (place === null) return invalidJson(null);
  const { line, column } = positionOf(body, span.start);
  return invalidJson({
    message: place.message,
    line: line + place.line - 1,
    column: place.line === 1 ? column + place.column - 1 - before.length : place.column,
  });
}

/**
 * One element of an array in UTF-8.
 * @throws HttpProblem 400 saying where in the body it breaks
 */
export function parseElement(body: Buffer, { start, end }: Span, index: number): unknown {
  try {
    return JSON.parse(body.toString('utf8', start, end));
  } catch {
    // The byte behind it tells whether it was cut off or is not there at all.
    throw brokenAround(body, { start, end: end + 1 }, index);
  }
}
