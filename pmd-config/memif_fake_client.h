// A memif client under the test's control: it can do everything a real one does, and everything that no
// honest one would. Test code only.
//
// Its one region holds both rings and kBuffers buffers of kBufferOctets.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "dataplane/base/bytes.h"
#include "pmd-config/memif_protocol.h"
#include "pmd-config/os.h"
#include "pmd-config/socket_path.h"

namespace weft::test {

class FakeMemifClient {
 public:
  static constexpr std::uint8_t kLog2Ring = 4;
  static constexpr std::uint16_t kRingSize = 1U << kLog2Ring;
  static constexpr std::uint32_t kToServer = 0;
  static constexpr std::uint32_t kToClient = 128 + kRingSize * 16;
  static constexpr std::uint32_t kFirstBuffer = 4096;
  static constexpr std::uint32_t kBufferOctets = 2048;
  static constexpr std::uint32_t kRegionOctets = kFirstBuffer + 2U * kRingSize * kBufferOctets;

  explicit FakeMemifClient(const std::string& path) {
    socket_.reset(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    const timeval patience{10, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    const sockaddr_un address = socket_address(path);
    const auto* generic = reinterpret_cast<const sockaddr*>(&address);
    EXPECT_EQ(::connect(socket_.get(), generic, sizeof address), 0);
    memory_fd_ = make_memory(kRegionOctets, F_SEAL_SHRINK);
    void* const base =
        ::mmap(nullptr, kRegionOctets, PROT_READ | PROT_WRITE, MAP_SHARED, memory_fd_.get(), 0);
    EXPECT_NE(base, MAP_FAILED);
    base_ = static_cast<std::uint8_t*>(base);
    event_.reset(::eventfd(0, EFD_CLOEXEC));
    for (const std::uint32_t offset : {kToServer, kToClient}) {
      ring(offset).cookie = memif::kCookie;
      for (std::uint16_t i = 0; i < kRingSize; ++i) {
        describe(offset, i, {.length = kBufferOctets, .offset = buffer_offset(offset, i)});
      }
    }
  }
  FakeMemifClient(const FakeMemifClient&) = delete;
  FakeMemifClient& operator=(const FakeMemifClient&) = delete;
  ~FakeMemifClient() { ::munmap(base_, kRegionOctets); }

  [[nodiscard]] static UniqueFd make_memory(std::uint64_t octets, int seals) {
    UniqueFd fd{::memfd_create("fake-memif", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
    EXPECT_EQ(::ftruncate(fd.get(), static_cast<off_t>(octets)), 0);
    EXPECT_EQ(::fcntl(fd.get(), F_ADD_SEALS, seals), 0);
    return fd;
  }

  // -- control messages --------------------------------------------------------------------------
  void send_octets(const void* octets, std::size_t size, int fd = -1) {
    iovec buffer{const_cast<void*>(octets), size};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> room{};
    msghdr request{};
    request.msg_iov = &buffer;
    request.msg_iovlen = 1;
    if (fd >= 0) {
      request.msg_control = room.data();
      request.msg_controllen = room.size();
      cmsghdr* const c = CMSG_FIRSTHDR(&request);
      c->cmsg_level = SOL_SOCKET;
      c->cmsg_type = SCM_RIGHTS;
      c->cmsg_len = CMSG_LEN(sizeof fd);
      std::memcpy(CMSG_DATA(c), &fd, sizeof fd);
    }
    (void)::sendmsg(socket_.get(), &request, MSG_NOSIGNAL);
  }
  void send(const memif::Message& message, int fd = -1) {
    send_octets(message.octets.data(), message.octets.size(), fd);
  }
  /// nullopt: the server closed the connection.
  std::optional<memif::Message> receive() {
    memif::Message message;
    const ssize_t octets = ::recv(socket_.get(), message.octets.data(), message.octets.size(), 0);
    if (octets != static_cast<ssize_t>(message.octets.size())) return std::nullopt;
    return message;
  }
  /// Sends and returns "ack", "connected" or the reason of the disconnection.
  std::string exchange(const memif::Message& message, int fd = -1) {
    send(message, fd);
    return outcome();
  }
  std::string outcome() {
    const std::optional<memif::Message> reply = receive();
    if (!reply) return "closed";
    if (reply->type() == memif::MessageType::ack) return "ack";
    if (reply->type() == memif::MessageType::connected) return "connected";
    if (reply->type() == memif::MessageType::hello) return "hello";
    return std::string{reply->get(memif::kDisconnectReason)};
  }
  [[nodiscard]] static memif::Message init_message() {
    memif::Message message{memif::MessageType::init};
    message.set(memif::kInitVersion, memif::kVersion);
    return message;
  }
  [[nodiscard]] static memif::Message region_message(
      std::uint64_t octets, std::uint16_t index = 0
  ) {
    memif::Message message{memif::MessageType::add_region};
    message.set(memif::kRegionIndex, index);
    message.set(memif::kRegionSize, octets);
    return message;
  }
  [[nodiscard]] static memif::Message ring_message(std::uint32_t offset) {
    memif::Message message{memif::MessageType::add_ring};
    message.set(memif::kRingFlags, offset == kToServer ? memif::kRingToServer : std::uint16_t{0});
    message.set(memif::kRingOffset, offset);
    message.set(memif::kRingLog2Size, kLog2Ring);
    return message;
  }
  std::string say_hello() {
    const std::string greeting = outcome();
    return greeting == "hello" ? exchange(init_message()) : greeting;
  }
  std::string add_region() { return exchange(region_message(kRegionOctets), memory_fd_.get()); }
  std::string add_ring(std::uint32_t offset) {
    return exchange(ring_message(offset), event_.get());
  }
  std::string connect() { return exchange(memif::Message{memif::MessageType::connect}); }
  /// The whole handshake; "connected" when all went well.
  std::string join() {
    std::string state = say_hello();
    if (state == "ack") state = add_region();
    if (state == "ack") state = add_ring(kToServer);
    if (state == "ack") state = add_ring(kToClient);
    if (state == "ack") state = connect();
    return state;
  }
  void hang_up() { socket_.reset(); }
  [[nodiscard]] int memory_fd() const { return memory_fd_.get(); }
  [[nodiscard]] int event() const { return event_.get(); }

  // -- rings -------------------------------------------------------------------------------------
  [[nodiscard]] memif::RingHeader& ring(std::uint32_t offset) const {
    return *reinterpret_cast<memif::RingHeader*>(base_ + offset);
  }
  void describe(std::uint32_t ring_offset, std::uint16_t position, memif::Slot slot) const {
    auto* const at = base_ + ring_offset + sizeof(memif::RingHeader) +
                     (position % kRingSize) * sizeof(memif::Descriptor);
    const std::array<std::uint32_t, 4> words{
        slot.flags | std::uint32_t{slot.region} << 16U, slot.length, slot.offset, 0};
    std::memcpy(at, words.data(), sizeof words);
  }
  [[nodiscard]] memif::Slot described(std::uint32_t ring_offset, std::uint16_t position) const {
    auto* const at = base_ + ring_offset + sizeof(memif::RingHeader) +
                     (position % kRingSize) * sizeof(memif::Descriptor);
    return reinterpret_cast<memif::Descriptor*>(at)->load();
  }
  [[nodiscard]] static std::uint32_t buffer_offset(
      std::uint32_t ring_offset, std::uint16_t position
  ) {
    const std::uint32_t first = ring_offset == kToServer ? 0 : kRingSize;
    return kFirstBuffer + (first + position % kRingSize) * kBufferOctets;
  }
  [[nodiscard]] std::uint8_t* buffer(std::uint32_t ring_offset, std::uint16_t position) const {
    return base_ + buffer_offset(ring_offset, position);
  }
  [[nodiscard]] std::uint16_t head(std::uint32_t offset) const { return ring(offset).head; }
  [[nodiscard]] std::uint16_t tail(std::uint32_t offset) const {
    return std::atomic_ref{ring(offset).tail}.load(std::memory_order_acquire);
  }
  void set_head(std::uint32_t offset, std::uint16_t head) const {
    std::atomic_ref{ring(offset).head}.store(head, std::memory_order_release);
  }
  /// Puts one descriptor on the ring to the server.
  void push(memif::Slot slot) const {
    const std::uint16_t position = head(kToServer);
    describe(kToServer, position, slot);
    set_head(kToServer, static_cast<std::uint16_t>(position + 1U));
  }
  /// A frame in the ring's own buffers, chained when it is longer than one.
  void push_frame(ConstBytes frame) const {
    std::uint16_t position = head(kToServer);
    while (!frame.empty()) {
      const std::size_t part = frame.size() < kBufferOctets ? frame.size() : kBufferOctets;
      std::memcpy(buffer(kToServer, position), frame.data(), part);
      const bool is_last = part == frame.size();
      describe(
          kToServer,
          position,
          {.flags = is_last ? std::uint16_t{0} : memif::kSlotNext,
           .length = static_cast<std::uint32_t>(part),
           .offset = buffer_offset(kToServer, position)}
      );
      frame = frame.subspan(part);
      ++position;
    }
    set_head(kToServer, position);
  }

 private:
  UniqueFd socket_;
  UniqueFd memory_fd_;
  UniqueFd event_;
  std::uint8_t* base_ = nullptr;
};

}  // namespace weft::test
