/** The tree of commands. What they do is loaded when one of them runs. */
import { Command } from 'commander';
import { certCommands } from './commands/cert.ts';
import { dbCommands } from './commands/db.ts';
import { doctorCommand } from './commands/doctor.ts';
import { helpCommand } from './commands/help.ts';
import { holdCommands } from './commands/hold.ts';
import { keysCommands } from './commands/keys.ts';
import { logCommands } from './commands/log.ts';
import { matterCommands } from './commands/matter.ts';
import { recordCommands } from './commands/record.ts';
import { runCommands } from './commands/run.ts';
import { scheduleCommands } from './commands/schedule.ts';
import { storeCommands } from './commands/store.ts';
import { witnessCommands } from './commands/witness.ts';
import { workerCommands } from './commands/worker.ts';
import type { Run } from './run-command.ts';
import type { Terminal } from './shell.ts';

const PARTS = [
  scheduleCommands,
  storeCommands,
  runCommands,
  matterCommands,
  holdCommands,
  recordCommands,
  logCommands,
  certCommands,
  keysCommands,
  witnessCommands,
  workerCommands,
  doctorCommand,
  dbCommands,
];

export function makeProgram(run: Run, terminal: Terminal = process): Command {
  const program = new Command('retain')
    .description(
      "Enforces an organisation's retention schedule: what is due goes, under legal holds, with proof.",
    )
    .version('0.1.0', '-V, --version')
    .configureHelp({ sortSubcommands: false })
    .helpCommand(false)
    .enablePositionalOptions();
  for (const part of PARTS) part(program, run);
  helpCommand(program, terminal);
  speakTo(program, terminal);
  return program;
}

/** Errors are printed in one place and in one form, so commander throws them and prints none. */
function speakTo(command: Command, terminal: Terminal): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => void terminal.stdout.write(text),
    writeErr: (text) => void terminal.stderr.write(text),
    outputError: () => undefined,
  });
  for (const child of command.commands) speakTo(child, terminal);
}
