// Call: one invocation, from its environment and its stdin on; and the operations on it.
#pragma once

#include <cstdint>
#include <string>

#include "control/connector/attachment.h"
#include "control/connector/config.h"
#include "control/connector/daemon.h"
#include "control/connector/deadline.h"
#include "control/connector/environment.h"
#include "control/connector/ipam.h"
#include "control/connector/spool.h"

namespace weft::connector {

struct Call {
  Call(Environment from, std::string text, Json json, Basics read, std::uint64_t started)
      : environment{std::move(from)},
        input{std::move(text)},
        config(std::move(json)),
        basics{std::move(read)},
        start{started},
        deadline{basics.timeout},
        daemon{basics.socket} {}

  [[nodiscard]] Attachment attachment() const {
    return {environment.container, environment.ifname};
  }
  [[nodiscard]] std::string keys_folder() const { return basics.state_dir + "/keys"; }
  [[nodiscard]] Spool spool() const { return Spool{basics.state_dir + "/spool"}; }
  /// The IPAM plugin of this call; nullopt when the configuration names none.
  [[nodiscard]] std::optional<IpamCall> ipam() const {
    if (basics.ipam_type.empty()) return std::nullopt;
    return IpamCall{basics.ipam_type, environment, input};
  }

  Environment environment;
  std::string input;  // stdin as it came
  Json config;
  Basics basics;
  std::uint64_t start;  // since_boot() at the beginning
  Deadline deadline;    // of everything
  Daemon daemon;
};

/// The result to print.
[[nodiscard]] Outcome<Json> run_add(Call& call);
/// Never fails once its key is known: what can not be done now is spooled.
void run_del(Call& call);
[[nodiscard]] Done run_check(Call& call);
[[nodiscard]] Done run_status(Call& call);
[[nodiscard]] Done run_gc(Call& call);

/// A sentence on stderr. stdout belongs to the result.
void note(const std::string& sentence);

}  // namespace weft::connector
