/** Changes of a timestamp from the inside, with every length around them made right again. */
import { der, readDer } from '../../ledger/der.ts';

/** Builds an answer again from its parts after a change of the element at a path of positions. */
export function changed(
  bytes: Buffer,
  path: readonly number[],
  change: (element: Buffer) => Buffer,
): Buffer {
  const [position, ...rest] = path;
  if (position === undefined) return change(bytes);
  return Buffer.concat(
    readDer(bytes).map(({ tag, content }, i) => {
      if (i !== position) return der(tag, content);
      return rest.length === 0
        ? change(der(tag, content))
        : der(tag, changed(content, rest, change));
    }),
  );
}

/** From the response down: token, signed data, encapsulated content, its octets, TSTInfo. */
const TST_INFO = [0, 1, 1, 0, 2, 1, 0, 0];
/** Of a TSTInfo without accuracy. */
export const FIELD = { version: 0, imprint: 2, serial: 3, time: 4, nonce: 5 } as const;
export const field = (position: number): number[] => [...TST_INFO, position];

export const gone = (): Buffer => Buffer.alloc(0);
/** With another last byte. */
export const flipped = (element: Buffer): Buffer => {
  const copy = Buffer.from(element);
  copy.writeUInt8(copy.readUInt8(copy.length - 1) ^ 1, copy.length - 1);
  return copy;
};
