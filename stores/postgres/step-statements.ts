/** The shape in which the guard keeps the statements of a step. */

/** What the guard stores for a step, as JSON: the flow, its statements and the bound values. */
export type StepStatements = {
  /** Statements that match no row and lock their table against a change of shape. */
  readonly steady: readonly string[];
  /** Partitions can be attached beside those locks: the shape is then compared once more at the end. */
  readonly partitioned: boolean;
  readonly values: readonly string[];
} & (
  | { readonly flow: 'simple'; readonly batch: string }
  | {
      readonly flow: 'aggregate';
      readonly pick: string;
      readonly locks: readonly string[];
      readonly decide: string;
      /** Each clears pointers between records of the batch and answers where its rows are now. */
      readonly unlink: readonly string[];
      readonly parts: readonly { readonly table: string; readonly sql: string }[];
      /** Each answers a row when a part did not go with its record. */
      readonly remains: readonly string[];
      readonly root: string;
    }
);
