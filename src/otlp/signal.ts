/** The three kinds of OTLP request. Lowest room, so that the wire and the batch name them alike. */
export type Signal = 'traces' | 'metrics' | 'logs';
