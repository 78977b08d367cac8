/*
 * bridge/metrics.h - figures of an apply for monitoring, as Prometheus reads them.
 *
 * Spec    Prometheus text exposition format 0.0.4; all are gauges of the last run.
 */
#ifndef BRIDGE_METRICS_H
#define BRIDGE_METRICS_H

#include "bridge/run.h"

/* Write the figures to metrics.file, if the settings name one. A failure is only logged. */
void metrics_write(struct run *run, enum exit_code code);

#endif
