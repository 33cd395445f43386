/* What the sinks look at, before any option is read. */
#include "tools/trace/trace.h"

struct trace_options trace_options = {.string_size = 32};
