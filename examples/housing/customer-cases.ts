import type { Expectation } from './bystander-check.ts';
import { midsummerBefore, type PlantedDays } from './planted-days.ts';
import type { PlantedContract } from './planted-rows.ts';

/** A customer to plant, with what hangs on it. */
export interface CustomerCase {
  readonly why: string;
  readonly expect: Expectation;
  readonly contracts: readonly PlantedContract[];
  readonly name?: string;
  readonly complaint?: { readonly closed: string | null };
  readonly requirement?: { readonly ended: string | null; readonly expect: Expectation };
  readonly subscribed?: boolean;
}

/** Every edge of the customer rule. */
export function customerCases(days: PlantedDays): CustomerCase[] {
  return [...closureCases(days), ...reopenedCases(days), ...blockedCases(days), ...namesakes(days)];
}

function closureCases(days: PlantedDays): CustomerCase[] {
  const opened = midsummerBefore(days.today, 14);
  const closed = (why: string, on: string, expect: Expectation): CustomerCase => ({
    why,
    expect,
    contracts: [{ opened, closed: on }],
  });
  return [
    closed('contract closed on the youngest day that is due', days.sixYearsDue, 'destroyed'),
    closed('contract closed one day too young', days.sixYearsTooYoung, 'survives'),
    closed('contract closed on a 29 February that is due', days.leapDayDue, 'destroyed'),
    closed('contract closed on a 29 February still kept', days.leapDayKept, 'survives'),
    {
      ...closed('due, subscribed to the newsletter', days.sixYearsDue, 'destroyed'),
      subscribed: true,
    },
    { why: 'never had a contract: no trigger', expect: 'survives', contracts: [] },
  ];
}

function reopenedCases(days: PlantedDays): CustomerCase[] {
  const opened = midsummerBefore(days.today, 14);
  const tenYearsAgo = midsummerBefore(days.today, 10);
  const eightYearsAgo = midsummerBefore(days.today, 8);
  return [
    {
      why: 'contract closed ten years ago, reopened and still open',
      expect: 'survives',
      contracts: [
        { opened, closed: tenYearsAgo },
        { opened: midsummerBefore(days.today, 3), closed: null },
      ],
    },
    {
      why: 'open contract is the oldest, a later one closed ten years ago',
      expect: 'survives',
      contracts: [
        { opened, closed: null },
        { opened: midsummerBefore(days.today, 12), closed: tenYearsAgo },
      ],
    },
    {
      why: 'three contracts closed, the last one not long enough ago',
      expect: 'survives',
      contracts: [
        { opened, closed: tenYearsAgo },
        { opened: tenYearsAgo, closed: days.sixYearsTooYoung },
        { opened: tenYearsAgo, closed: eightYearsAgo },
      ],
    },
    {
      why: 'three contracts closed, all long enough ago',
      expect: 'destroyed',
      contracts: [
        { opened, closed: tenYearsAgo },
        { opened: tenYearsAgo, closed: days.sixYearsDue },
        { opened: tenYearsAgo, closed: eightYearsAgo },
      ],
    },
  ];
}

function blockedCases(days: PlantedDays): CustomerCase[] {
  const contracts = [{ opened: midsummerBefore(days.today, 14), closed: days.sixYearsDue }];
  const survives = 'survives';
  return [
    {
      why: 'due, open complaint',
      expect: survives,
      contracts,
      complaint: { closed: null },
    },
    {
      why: 'due, closed complaint still on file',
      expect: survives,
      contracts,
      complaint: { closed: days.today },
    },
    {
      why: 'due, special requirement that never ended',
      expect: survives,
      contracts,
      requirement: { ended: null, expect: survives },
    },
    {
      why: 'due, special requirement one day too young',
      expect: survives,
      contracts,
      requirement: { ended: days.sixYearsTooYoung, expect: survives },
    },
    {
      // Blocked when the plan was made, so it is not in the plan; it goes with the next one.
      why: 'due, special requirement due in the same run',
      expect: survives,
      contracts,
      requirement: { ended: days.sixYearsDue, expect: 'destroyed' },
    },
  ];
}

function namesakes(days: PlantedDays): CustomerCase[] {
  const opened = midsummerBefore(days.today, 14);
  const name = 'Joan Lookout';
  return [
    {
      why: 'due, has a namesake',
      expect: 'destroyed',
      name,
      contracts: [{ opened, closed: days.sixYearsDue }],
    },
    {
      why: 'not due, has a namesake who is',
      expect: 'survives',
      name,
      contracts: [{ opened, closed: null }],
    },
  ];
}
