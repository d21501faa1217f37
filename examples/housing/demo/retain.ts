/** Types a command of Retain as a person would, in a process of its own, and shows what it answers. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { retainCommand, retainEnvironment } from '../../../embedded/retain-process.ts';
import { say } from './say.ts';

export type Retain = ReturnType<typeof retainIn>;

interface Typed {
  /** The exit code that is right here; 5 is a refusal. */
  readonly expect?: number;
  /** For a second terminal: print command and answer together, when the answer is there. */
  readonly together?: boolean;
}

/** The commands, run with these settings. One that ends otherwise than expected is thrown. */
export function retainIn(settings: Readonly<Record<string, string>>) {
  const env = retainEnvironment(settings);
  return async function retain(args: readonly string[], typed: Typed = {}): Promise<string> {
    const line = `\n$ retain ${args.map(quoted).join(' ')}`;
    if (typed.together !== true) say(line);
    const { command, args: argv, cwd } = retainCommand(args);
    const child = spawn(command, argv, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let answer = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        answer += text;
        if (typed.together !== true) process.stdout.write(text);
      });
    }
    const endToo = () => child.kill();
    process.once('exit', endToo);
    await once(child, 'close');
    process.removeListener('exit', endToo);
    const code = child.exitCode;
    if (typed.together === true) process.stdout.write(`${line}\n${answer}`);
    const expected = typed.expect ?? 0;
    if (code !== expected) {
      throw new Error(`retain ${args.slice(0, 2).join(' ')} ended with exit code ${code}`);
    }
    return answer;
  };
}

function quoted(arg: string): string {
  return /^[\w./:@=-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", "'\\''")}'`;
}
