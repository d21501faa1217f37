/** Instants for people, in the organisation's zone. Data keeps RFC 3339 in UTC. */
import { dayIn } from '../../domain/calendar.ts';
import { calendarDate, dayInWords } from '../../domain/civil.ts';
import { instant } from '../../domain/instant.ts';
import { wallClock } from '../../domain/wall-clock.ts';

/** `21 Nov 2026 23:10 GMT`. */
export function minuteOf(at: string, zone: string): string {
  return `${pieces(at, zone).day} ${pieces(at, zone).time.slice(0, 5)} ${zoneName(at, zone)}`;
}

/** `21 Nov 2026 23:12:07.318`: for orders of events, where the zone was said before. */
export function momentOf(at: string, zone: string): string {
  return `${pieces(at, zone).day} ${pieces(at, zone).time.slice(0, 12)}`;
}

/** `23:12:07.318`. */
export function clockOf(at: string, zone: string): string {
  return pieces(at, zone).time.slice(0, 12);
}

/** `23:12:07`. */
export function secondOf(at: string, zone: string): string {
  return pieces(at, zone).time.slice(0, 8);
}

/** `21 Nov 2026`, the day it was in the zone. */
export function dayOfInstant(at: string, zone: string): string {
  return dayInWords(dayIn(zone, instant(at)));
}

/** `21 Nov 2026` of a civil day or of an instant. */
export function dayText(at: string, zone: string): string {
  return /^\d{4}-\d{2}-\d{2}$/.test(at) ? dayInWords(calendarDate(at)) : dayOfInstant(at, zone);
}

/** `GMT`, `BST`, `GMT+13`. */
function zoneName(at: string, zone: string): string {
  const format = new Intl.DateTimeFormat('en-GB', { timeZone: zone, timeZoneName: 'short' });
  const parts = format.formatToParts(new Date(at));
  return parts.find(({ type }) => type === 'timeZoneName')?.value ?? zone;
}

function pieces(at: string, zone: string): { day: string; time: string } {
  const [day = '', time = ''] = wallClock(instant(at), zone).split(' ');
  return { day: dayInWords(calendarDate(day)), time };
}
