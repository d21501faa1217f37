/** Run by `prepare` after every install: brings the installed packages into their patched state. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { patchPackage } from './patch-package.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
patchPackage(
  join(root, 'node_modules', 'postgres'),
  join(root, 'patches', 'postgres@3.4.9.patch'),
  'apply',
);
