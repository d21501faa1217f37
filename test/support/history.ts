/** Histories written by hand: what a server would have recorded, for cases that are slow to provoke. */
import type { RecordedHistory } from './recorded.ts';

const QUEUE = { name: 'scripted', kind: 'TASK_QUEUE_KIND_NORMAL' };
// With these flags a replay compares the type of an activity; without them only the kind of a command.
const SDK_METADATA = {
  coreUsedFlags: [1, 2],
  sdkName: 'temporal-typescript',
  sdkVersion: '1.24.0',
};
const START_MS = Date.parse('2026-11-21T23:10:00Z');

/** What a workflow asks for at the end of one of its tasks. */
export type Command =
  | { readonly activity: string; readonly input: unknown }
  | { readonly timerMs: number }
  | { readonly cancelTimer: number }
  | { readonly completes: unknown }
  | { readonly continuesAsNew: unknown };

/**
 * Builds one history in the order things happen: `task` is a turn of the workflow with the commands it
 * issues, everything else is an answer to one of them or a message. Activities and timers count from 1.
 */
export class HistoryScript {
  readonly #events: Record<string, unknown>[] = [];
  readonly #type: string;
  readonly #activities: string[] = [];
  readonly #timers: string[] = [];

  constructor(type: string, input: unknown) {
    this.#type = type;
    this.#add('WORKFLOW_EXECUTION_STARTED', {
      workflowType: { name: type },
      taskQueue: QUEUE,
      input: payloads(input),
      originalExecutionRunId: 'scripted',
      firstExecutionRunId: 'scripted',
      workflowTaskTimeout: '10s',
      attempt: 1,
    });
  }

  /** The server suggests a new history from here on, as it does after 4,096 events. */
  taskWithSuggestion(...commands: readonly Command[]): this {
    return this.#task(commands, { suggestContinueAsNew: true });
  }

  task(...commands: readonly Command[]): this {
    return this.#task(commands, {});
  }

  completed(activity: number, result: unknown): this {
    const scheduledEventId = this.#activities[activity - 1];
    const startedEventId = this.#add('ACTIVITY_TASK_STARTED', { scheduledEventId, attempt: 1 });
    this.#add('ACTIVITY_TASK_COMPLETED', {
      scheduledEventId,
      startedEventId,
      result: payloads(result),
    });
    return this;
  }

  failed(activity: number, type: string): this {
    const scheduledEventId = this.#activities[activity - 1];
    const startedEventId = this.#add('ACTIVITY_TASK_STARTED', { scheduledEventId, attempt: 1 });
    this.#add('ACTIVITY_TASK_FAILED', {
      scheduledEventId,
      startedEventId,
      failure: {
        message: 'scripted',
        source: 'TypeScriptSDK',
        applicationFailureInfo: { type, nonRetryable: true },
      },
    });
    return this;
  }

  fired(timer: number): this {
    const startedEventId = this.#timers[timer - 1];
    this.#add('TIMER_FIRED', { timerId: String(timer), startedEventId });
    return this;
  }

  signalled(signalName: string, input: unknown): this {
    this.#add('WORKFLOW_EXECUTION_SIGNALED', { signalName, input: payloads(input) });
    return this;
  }

  get history(): RecordedHistory {
    return { events: this.#events };
  }

  #task(commands: readonly Command[], started: Record<string, unknown>): this {
    const scheduledEventId = this.#add('WORKFLOW_TASK_SCHEDULED', { taskQueue: QUEUE, attempt: 1 });
    const startedEventId = this.#add('WORKFLOW_TASK_STARTED', { scheduledEventId, ...started });
    const workflowTaskCompletedEventId = this.#add('WORKFLOW_TASK_COMPLETED', {
      scheduledEventId,
      startedEventId,
      sdkMetadata: SDK_METADATA,
    });
    for (const command of commands) this.#command(command, { workflowTaskCompletedEventId });
    return this;
  }

  #command(command: Command, task: { readonly workflowTaskCompletedEventId: string }): void {
    if ('activity' in command) {
      const id = this.#add('ACTIVITY_TASK_SCHEDULED', {
        ...task,
        activityId: String(this.#activities.length + 1),
        activityType: { name: command.activity },
        taskQueue: QUEUE,
        input: payloads(command.input),
      });
      this.#activities.push(id);
    } else if ('timerMs' in command) {
      const timerId = String(this.#timers.length + 1);
      const startToFireTimeout = `${command.timerMs / 1_000}s`;
      this.#timers.push(this.#add('TIMER_STARTED', { ...task, timerId, startToFireTimeout }));
    } else if ('cancelTimer' in command) {
      const timerId = String(command.cancelTimer);
      const startedEventId = this.#timers[command.cancelTimer - 1];
      this.#add('TIMER_CANCELED', { ...task, timerId, startedEventId });
    } else if ('completes' in command) {
      this.#add('WORKFLOW_EXECUTION_COMPLETED', { ...task, result: payloads(command.completes) });
    } else {
      this.#add('WORKFLOW_EXECUTION_CONTINUED_AS_NEW', {
        ...task,
        newExecutionRunId: 'next',
        workflowType: { name: this.#type },
        taskQueue: QUEUE,
        input: payloads(command.continuesAsNew),
      });
    }
  }

  #add(type: string, attributes: Record<string, unknown>): string {
    const eventId = String(this.#events.length + 1);
    const name = type.toLowerCase().replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
    this.#events.push({
      eventId,
      eventTime: new Date(START_MS + this.#events.length * 1_000).toISOString(),
      eventType: `EVENT_TYPE_${type}`,
      [`${name}EventAttributes`]: attributes,
    });
    return eventId;
  }
}

function payloads(value: unknown): { payloads: { metadata: unknown; data: string }[] } {
  if (value === undefined) return { payloads: [] };
  const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64');
  return {
    payloads: [
      { metadata: { encoding: base64('json/plain') }, data: base64(JSON.stringify(value)) },
    ],
  };
}
