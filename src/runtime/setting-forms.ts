import { z } from 'zod';

// Formats of settings that both the programs and `npm start` read.

/** A numeric IP address; names are not accepted. */
export const listenAddress = z.union([z.ipv4(), z.ipv6()], 'must be an IP address');

/** The namespace travels in a gRPC header, which allows only these characters. */
export const temporalNamespace = z.string().regex(/^[ -~]+$/, 'must be printable ASCII');
