/** Something about a store that is not as it must be. */
export interface StoreFinding {
  readonly severity: 'error' | 'warning';
  readonly code: string;
  readonly message: string;
  /** The statement that mends it, when one does. */
  readonly statement?: string;
}
