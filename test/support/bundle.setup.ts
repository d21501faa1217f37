/** Global setup: the workflows bundled once, by the code that bundles them for production. */
import type { TestProject } from 'vitest/node';
import { workflowBundle } from '../../worker/bundle.ts';
import './provided.ts';

export async function setup(project: TestProject): Promise<void> {
  project.provide('workflowBundlePath', await workflowBundle('.retain'));
}
