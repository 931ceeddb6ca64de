import { z } from 'zod';

// Forms of settings that both the programs and `npm start` read.

/** What is bound by number: a name is not asked for. */
export const listenAddress = z.union([z.ipv4(), z.ipv6()], 'must be an IP address');

/** It travels in a header of gRPC, which carries nothing else. */
export const temporalNamespace = z.string().regex(/^[ -~]+$/, 'must be printable ASCII');
