// Addresses from an external IPAM plugin: `ipam.type` of the configuration, found on CNI_PATH and run with
// the environment and the configuration that we got (CNI 1.1.0, section 4).
//
// A plugin that does not know version 1.1.0 is asked again in 1.0.0: results are the same to us, and the
// plugins that distributions have are often older than the runtime's configuration.
#pragma once

#include <string>

#include "control/connector/config.h"
#include "control/connector/deadline.h"
#include "control/connector/environment.h"
#include "control/connector/result.h"

namespace weft::connector {

struct IpamCall {
  std::string type;
  Environment environment;  // of the call that it belongs to; the command is set by each function
  std::string config;       // for stdin
};

/// Takes a lease.
[[nodiscard]] Outcome<Made> ipam_add(const IpamCall& call, const Deadline& deadline);
/// Gives it back; giving back what is not leased is none of our errors, and none of a good plugin's.
[[nodiscard]] Done ipam_del(const IpamCall& call, const Deadline& deadline);
[[nodiscard]] Done ipam_check(const IpamCall& call, const Deadline& deadline);
/// Ok also when the plugin has no STATUS, GC (they came with 1.1.0).
[[nodiscard]] Done ipam_status(const IpamCall& call, const Deadline& deadline);
[[nodiscard]] Done ipam_gc(const IpamCall& call, const Deadline& deadline);

}  // namespace weft::connector
