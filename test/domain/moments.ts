import fc from 'fast-check';
import { type Instant, instant, instantFromMicros, instantMicros } from '../../domain/instant.ts';

export const ZONES = ['Europe/London', 'Pacific/Apia', 'Australia/Lord_Howe', 'UTC'];
export const ODD_ZONES = [
  'America/St_Johns',
  'America/Sao_Paulo',
  'Asia/Kathmandu',
  'Pacific/Kwajalein',
];

const MICROS_PER_DAY = 86_400_000_000n;
// Where clocks change, days vanish or repeat: half of the random moments lie within a day of these.
const SHARP = [
  '2026-03-29T01:00:00Z',
  '2026-10-25T01:00:00Z',
  '2011-12-30T10:00:00Z',
  '2026-04-04T15:00:00Z',
  '2026-10-03T15:30:00Z',
  '2006-10-29T02:31:00Z',
  '2018-11-04T03:00:00Z',
  '2020-02-29T00:00:00Z',
].map((text) => instantMicros(instant(text)));

const anyMicros = fc.bigInt({
  min: instantMicros(instant('1975-01-01T00:00:00Z')),
  max: instantMicros(instant('2045-01-01T00:00:00Z')),
});
const nearSharp = fc
  .tuple(fc.constantFrom(...SHARP), fc.bigInt({ min: -MICROS_PER_DAY, max: MICROS_PER_DAY }))
  .map(([at, by]) => at + by);
export const moments: fc.Arbitrary<Instant> = fc.oneof(anyMicros, nearSharp).map(instantFromMicros);
