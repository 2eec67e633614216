// DPDK's log lines, sent where all other lines go.
//
// While an EalLog exists, whatever DPDK and its drivers log goes to spdlog's default logger as
// "dpdk: ...", one call per line: errors as error, warnings as warn, notices as info, the rest as
// debug and trace. Any thread may log; spdlog's sinks lock.
//
// A driver explains a failure only in its log, while the function answers a bare errno. EalComplaints
// collects the calling thread's error lines while it exists, so that an Error can quote them:
//
//   EalComplaints complaints;
//   if (rte_eal_hotplug_add(...) != 0) return Error{"... failed" + complaints.quoted()};
#pragma once

#include <cstdio>
#include <string>

namespace weft {

/// At most one at a time; made before rte_eal_init so that its first lines are caught too.
class EalLog {
 public:
  EalLog();
  EalLog(const EalLog&) = delete;
  EalLog& operator=(const EalLog&) = delete;
  ~EalLog();

 private:
  std::FILE* stream_;
};

/// Error and warning lines that the calling thread logs through DPDK during the object's life. Empty
/// without an EalLog. May not be nested.
class EalComplaints {
 public:
  EalComplaints() noexcept;
  EalComplaints(const EalComplaints&) = delete;
  EalComplaints& operator=(const EalComplaints&) = delete;
  ~EalComplaints();

  /// " (first line; second line)", or empty. At most kMaxLines.
  [[nodiscard]] std::string quoted() const;

 private:
  friend class EalLineReader;
  static constexpr unsigned kMaxLines = 3;

  std::string lines_;
  unsigned count_{};
};

}  // namespace weft
