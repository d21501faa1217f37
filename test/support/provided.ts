/** What the global setups hand to the tests: read it with `inject` of vitest. */
declare module 'vitest' {
  export interface ProvidedContext {
    /** Superuser URL of the private PostgreSQL's database `postgres`. */
    postgresAdminUrl: string;
    temporalAddress: string;
    temporalNamespace: string;
    /** The workflows as one file, ready for `Worker.create({ workflowBundle: { codePath } })`. */
    workflowBundlePath: string;
  }
}

export {};
