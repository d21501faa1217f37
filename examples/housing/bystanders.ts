import type { Sql } from 'postgres';
import { type Bystander, type Expectation, fingerprint } from './bystander-check.ts';
import { type CustomerCase, customerCases } from './customer-cases.ts';
import { midsummerBefore, type PlantedDays, plantedDays, plusDays } from './planted-days.ts';
import {
  addCall,
  addCctv,
  addComplaint,
  addCustomer,
  addPerson,
  addRequirement,
  addSubscription,
  addTenancy,
} from './planted-rows.ts';

type Planted = Omit<Bystander, 'fingerprint'>;

/**
 * Adds records on both sides of every edge of retention.yaml, as it stands at `asOf`: each rule's last
 * day kept and first day due, no trigger, a reopened contract, blocking references, a namesake, a person
 * in several capacities, 29 February, a tenancy reduced earlier. Only adds; may be called once per
 * database or several times. The tables must be there (`createHousingTables`).
 */
export async function plantBystanders(sql: Sql, asOf: Date): Promise<Bystander[]> {
  const days = await plantedDays(sql, asOf);
  const planted: Planted[] = [];
  for (const item of customerCases(days)) planted.push(...(await plantCustomer(sql, days, item)));
  planted.push(...(await plantPersonOfManyCapacities(sql, days)));
  planted.push(...(await plantRequirements(sql, days)));
  planted.push(...(await plantTenancies(sql, days)));
  planted.push(...(await plantRecordings(sql, days)));
  const bystanders: Bystander[] = [];
  for (const one of planted) {
    const print = await fingerprint(sql, one);
    if (print === undefined) throw new TypeError(`planted ${one.class} is not there`);
    bystanders.push({ ...one, fingerprint: print });
  }
  return bystanders;
}

async function plantCustomer(sql: Sql, days: PlantedDays, item: CustomerCase): Promise<Planted[]> {
  const person = await addPerson(sql, ['customer']);
  const key = await addCustomer(sql, person, item.name ?? 'Wilf Lookout', item.contracts);
  const planted: Planted[] = [{ class: 'customer', key, why: item.why, expect: item.expect }];
  if (item.complaint !== undefined) {
    await addComplaint(sql, key, plusDays(days.today, -90), item.complaint.closed);
  }
  if (item.requirement !== undefined) {
    const { ended, expect } = item.requirement;
    const requirement = await addRequirement(sql, key, midsummerBefore(days.today, 12), ended);
    const why = `special requirement of: ${item.why}`;
    planted.push({ class: 'special_requirement', key: requirement, why, expect });
  }
  if (item.subscribed === true) {
    const subscription = await addSubscription(sql, key, midsummerBefore(days.today, 9));
    const why = `newsletter subscription of: ${item.why}`;
    planted.push({ class: 'newsletter', key: subscription, why, expect: 'detached' });
  }
  return planted;
}

async function plantPersonOfManyCapacities(sql: Sql, days: PlantedDays): Promise<Planted[]> {
  const person = await addPerson(sql, ['customer', 'tenant', 'employee']);
  const name = 'Mabel Lookout';
  const started = midsummerBefore(days.today, 11);
  const customer = await addCustomer(sql, person, name, [
    { opened: started, closed: days.sixYearsDue },
  ]);
  const tenancy = await addTenancy(sql, { person, name, started, ended: null });
  const recording = await addCctv(sql, `${plusDays(days.today, -1)} 09:00:00`, person);
  return [
    {
      class: 'customer',
      key: customer,
      why: 'due as a customer, also a tenant and an employee',
      expect: 'destroyed',
    },
    {
      class: 'tenancy',
      key: tenancy,
      why: 'current tenancy of somebody who is due as a customer',
      expect: 'survives',
    },
    {
      class: 'cctv_recording',
      key: recording,
      why: 'yesterday, of somebody who is due as a customer',
      expect: 'survives',
    },
  ];
}

async function plantRequirements(sql: Sql, days: PlantedDays): Promise<Planted[]> {
  const person = await addPerson(sql, ['customer']);
  const started = midsummerBefore(days.today, 12);
  const customer = await addCustomer(sql, person, 'Ines Lookout', [
    { opened: started, closed: null },
  ]);
  const cases: readonly (readonly [string, string | null, Expectation])[] = [
    ['service ended on the youngest day that is due', days.sixYearsDue, 'destroyed'],
    ['service ended one day too young', days.sixYearsTooYoung, 'survives'],
    ['service of twelve years that has not ended', null, 'survives'],
    ['service ended on a 29 February that is due', days.leapDayDue, 'destroyed'],
    ['service ended on a 29 February still kept', days.leapDayKept, 'survives'],
  ];
  const planted: Planted[] = [];
  for (const [why, ended, expect] of cases) {
    const key = await addRequirement(sql, customer, started, ended);
    planted.push({ class: 'special_requirement', key, why, expect });
  }
  return planted;
}

async function plantTenancies(sql: Sql, days: PlantedDays): Promise<Planted[]> {
  const person = await addPerson(sql, ['tenant']);
  const longAgo = { ended: midsummerBefore(days.today, 15), reduced: true };
  const cases: readonly (readonly [string, Expectation, TenancyCase])[] = [
    ['ended on the youngest day that is due', 'reduced', { ended: days.sixYearsDue }],
    ['ended one day too young', 'survives', { ended: days.sixYearsTooYoung }],
    ['running for twenty years', 'survives', { ended: null }],
    ['reduced by an earlier run, not due again', 'survives', { ...longAgo, rentLines: 0 }],
    ['reduced earlier, but a rent line came in late', 'reduced', { ...longAgo, rentLines: 1 }],
  ];
  const started = midsummerBefore(days.today, 20);
  const planted: Planted[] = [];
  for (const [why, expect, item] of cases) {
    const key = await addTenancy(sql, { person, name: 'Tomos Lookout', started, ...item });
    planted.push({ class: 'tenancy', key, why, expect });
  }
  return planted;
}

interface TenancyCase {
  readonly ended: string | null;
  readonly reduced?: boolean;
  readonly rentLines?: number;
}

async function plantRecordings(sql: Sql, days: PlantedDays): Promise<Planted[]> {
  const cases: readonly (readonly [string, string | null, Expectation])[] = [
    ['last instant of the youngest day due', `${days.cctvDue} 23:59:59.999999`, 'destroyed'],
    ['first instant of the oldest day kept', `${days.cctvKept} 00:00:00`, 'survives'],
    [
      '00:30 in London, in summer still the day before in UTC',
      `${days.cctvKept} 00:30:00`,
      'survives',
    ],
    ['more than a year overdue', `${plusDays(days.today, -400)} 12:00:00`, 'destroyed'],
    ['recorded today', `${days.today} 00:00:01`, 'survives'],
    ['recorder had lost its clock: no trigger', null, 'survives'],
  ];
  const planted: Planted[] = [];
  for (const [why, wallClock, expect] of cases) {
    planted.push({ class: 'cctv_recording', key: await addCctv(sql, wallClock), why, expect });
  }
  const call = await addCall(sql, `${midsummerBefore(days.today, 8)} 11:00:00`);
  const why = 'eight years old, but no period has been decided';
  return [...planted, { class: 'call_recording', key: call, why, expect: 'survives' }];
}
