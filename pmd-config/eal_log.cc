#include "pmd-config/eal_log.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <string_view>

#include <rte_log.h>
#include <spdlog/spdlog.h>

namespace weft {
namespace {

thread_local EalComplaints* t_complaints = nullptr;
thread_local std::string t_partial;  // the beginning of a line whose end was not yet logged

spdlog::level::level_enum level_of(std::uint32_t dpdk_level) {
  if (dpdk_level <= RTE_LOG_ERR) return spdlog::level::err;
  if (dpdk_level == RTE_LOG_WARNING) return spdlog::level::warn;
  if (dpdk_level == RTE_LOG_NOTICE) return spdlog::level::info;
  if (dpdk_level == RTE_LOG_INFO) return spdlog::level::debug;
  return spdlog::level::trace;
}

/// Lines logged as errors that only say that there are no secondary processes, which is by design.
bool is_about_secondaries(std::string_view line) {
  constexpr std::array<std::string_view, 3> kPhrases{
      "register mp action callback", "to secondary", "on primary process"};
  return std::any_of(kPhrases.begin(), kPhrases.end(), [line](std::string_view phrase) {
    return line.find(phrase) != std::string_view::npos;
  });
}

std::string_view trimmed(std::string_view line) {
  constexpr std::string_view kBlanks = " \t\r";
  const std::size_t first = line.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return line.substr(first, line.find_last_not_of(kBlanks) - first + 1);
}

}  // namespace

/// Turns the stream's octets back into lines.
class EalLineReader {
 public:
  // The signature of cookie_write_function_t.
  static ssize_t write(void* /*cookie*/, const char* octets, std::size_t size) {
    // The C library calls this: no exception may leave it, and a lost log line is no reason to stop.
    try {
      std::string_view rest{octets, size};
      for (std::size_t end = rest.find('\n'); end != std::string_view::npos;
           end = rest.find('\n')) {
        t_partial.append(rest.substr(0, end));
        finish(trimmed(t_partial));
        t_partial.clear();
        rest.remove_prefix(end + 1);
      }
      t_partial.append(rest);
    } catch (...) {
      t_partial.clear();
    }
    return static_cast<ssize_t>(size);
  }

 private:
  static void finish(std::string_view line) {
    if (line.empty()) return;
    auto level = static_cast<std::uint32_t>(rte_log_cur_msg_loglevel());
    if (is_about_secondaries(line)) level = RTE_LOG_DEBUG;
    spdlog::log(level_of(level), "dpdk: {}", line);
    if (t_complaints != nullptr && level <= RTE_LOG_WARNING) remember(*t_complaints, line);
  }

  static void remember(EalComplaints& complaints, std::string_view line) {
    if (complaints.count_ == EalComplaints::kMaxLines) return;
    if (complaints.count_ > 0) complaints.lines_ += "; ";
    complaints.lines_ += line;
    ++complaints.count_;
  }
};

EalLog::EalLog() : stream_{nullptr} {
  const cookie_io_functions_t functions{
      .read = nullptr, .write = &EalLineReader::write, .seek = nullptr, .close = nullptr};
  stream_ = ::fopencookie(nullptr, "w", functions);
  if (stream_ != nullptr) rte_openlog_stream(stream_);
}

EalLog::~EalLog() {
  if (stream_ == nullptr) return;
  rte_openlog_stream(nullptr);
  std::fclose(stream_);
}

EalComplaints::EalComplaints() noexcept {
  assert(t_complaints == nullptr);
  t_complaints = this;
}

EalComplaints::~EalComplaints() {
  t_complaints = nullptr;
}

std::string EalComplaints::quoted() const {
  return lines_.empty() ? std::string{} : " (" + lines_ + ")";
}

}  // namespace weft
