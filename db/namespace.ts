import { pgSchema } from 'drizzle-orm/pg-core';

/** The schema of the control database. */
export const retain = pgSchema('retain');
