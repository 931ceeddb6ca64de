import { DefaultFailureConverter } from '@temporalio/common';

/** Moves message and stack of a failure into a payload, which the codec then seals. The SDK loads it by this name. */
export const failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
