#include "perf/replay/gate.h"

#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace weft::replay {
namespace {

Gate* always_open() {
  static Gate gate{};
  gate.header.magic = kGateMagic;
  gate.header.run.store(~0U, std::memory_order_relaxed);
  return &gate;
}

Gate* map_file(const std::string& path, std::string& error) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) {
    error = "gate " + path + ": " + std::strerror(errno);
    return nullptr;
  }
  struct stat status {};
  void* memory = MAP_FAILED;
  if (::fstat(fd, &status) == 0 && status.st_size >= static_cast<off_t>(kGateOctets)) {
    memory = ::mmap(nullptr, kGateOctets, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  }
  ::close(fd);
  auto* const gate = memory == MAP_FAILED ? nullptr : static_cast<Gate*>(memory);
  if (gate == nullptr || gate->header.magic != kGateMagic) {
    error = "gate " + path + ": is not a gate file of " + std::to_string(kGateOctets) + " octets";
    if (gate != nullptr) ::munmap(memory, kGateOctets);
    return nullptr;
  }
  return gate;
}

}  // namespace

Gate* open_gate(const std::string& path, std::string& error) {
  if (path.empty()) return always_open();
  static std::mutex mutex;
  static std::map<std::string, Gate*> gates;
  const std::lock_guard lock{mutex};
  if (const auto known = gates.find(path); known != gates.end()) return known->second;
  Gate* const gate = map_file(path, error);
  if (gate != nullptr) gates.emplace(path, gate);
  return gate;
}

}  // namespace weft::replay
