// memif 2.0 on the wire: control messages, rings and descriptors, as octets.
//
// memif is a packet interface in shared memory between two processes. The *client* (also "slave") owns the
// memory: it creates memfd regions, lays rings and buffers into them and passes the descriptors over a
// SOCK_SEQPACKET unix socket. The *server* (also "master"), which is what Weft is, listens and maps. Every
// message has 128 octets; the client waits for an answer to each of its own:
//
//   server                                   client
//   HELLO: what the server can do    ──►
//                                    ◄──     INIT: version, interface id, mode
//   ACK                              ──►
//                                    ◄──     ADD_REGION + memfd          (one or more)
//   ACK                              ──►
//                                    ◄──     ADD_RING + eventfd          (one in each direction here)
//   ACK                              ──►
//                                    ◄──     CONNECT
//   CONNECTED                        ──►     packets flow
//   DISCONNECT with a reason         ◄─►     at any time, or the socket just closes
//
// A ring is a header and 2^n descriptors; a descriptor names a buffer by region, offset and length. The
// header's `head` is written by the client and its `tail` by the server, in both directions: both count
// descriptors modulo 2^16.
//   client to server ("S2M"): the client fills buffers up to head, the server gives them back with tail.
//   server to client ("M2S"): the client offers empty buffers up to head, with their capacity in `length`;
//                             the server fills them up to tail.
//
// All integers are in host byte order, and many are not aligned: messages are read through Field. Ring and
// descriptors lie in memory that the peer may change at any moment: each word is loaded exactly once, and
// what was loaded is checked before use.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

#include "dataplane/base/ids.h"

namespace weft::memif {

static_assert(std::endian::native == std::endian::little, "a Descriptor is read in 64-bit words");

inline constexpr std::uint16_t kVersion = 0x0200;
inline constexpr std::uint32_t kCookie = 0x3E31F20;
inline constexpr std::uint8_t kMaxLog2RingSize = 14;

enum class MessageType : std::uint16_t {
  none = 0,
  ack = 1,
  hello = 2,
  init = 3,
  add_region = 4,
  add_ring = 5,
  connect = 6,
  connected = 7,
  disconnect = 8,
};

/// Where a number of type T lies in a message.
template <typename T>
struct Field {
  std::size_t offset;
};
/// Where a zero-padded text lies in a message.
struct TextField {
  std::size_t offset;
  std::size_t size;
};

inline constexpr Field<std::uint16_t> kType{0};
// HELLO. The ring fields hold the highest index, not a count.
inline constexpr TextField kHelloName{2, 32};
inline constexpr Field<std::uint16_t> kHelloMinVersion{34};
inline constexpr Field<std::uint16_t> kHelloMaxVersion{36};
inline constexpr Field<std::uint16_t> kHelloMaxRegion{38};
inline constexpr Field<std::uint16_t> kHelloMaxRingToClient{40};
inline constexpr Field<std::uint16_t> kHelloMaxRingToServer{42};
inline constexpr Field<std::uint8_t> kHelloMaxLog2RingSize{44};
// INIT
inline constexpr Field<std::uint16_t> kInitVersion{2};
inline constexpr Field<std::uint32_t> kInitId{4};
inline constexpr Field<std::uint8_t> kInitMode{8};
inline constexpr std::uint8_t kModeEthernet = 0;
// ADD_REGION
inline constexpr Field<std::uint16_t> kRegionIndex{2};
inline constexpr Field<std::uint64_t> kRegionSize{4};
// ADD_RING
inline constexpr Field<std::uint16_t> kRingFlags{2};
inline constexpr Field<std::uint16_t> kRingIndex{4};
inline constexpr Field<std::uint16_t> kRingRegion{6};
inline constexpr Field<std::uint32_t> kRingOffset{8};
inline constexpr Field<std::uint8_t> kRingLog2Size{12};
inline constexpr std::uint16_t kRingToServer = 1;  // of kRingFlags
// CONNECT, CONNECTED
inline constexpr TextField kInterfaceName{2, 32};
// DISCONNECT
inline constexpr Field<std::uint32_t> kDisconnectCode{2};
inline constexpr TextField kDisconnectReason{6, 96};

struct Message {
  std::array<std::uint8_t, 128> octets{};

  Message() noexcept = default;
  explicit Message(MessageType type) noexcept { set(kType, static_cast<std::uint16_t>(type)); }

  template <typename T>
  [[nodiscard]] T get(Field<T> field) const noexcept {
    T value;
    std::memcpy(&value, octets.data() + field.offset, sizeof value);
    return value;
  }
  template <typename T>
  void set(Field<T> field, std::type_identity_t<T> value) noexcept {
    std::memcpy(octets.data() + field.offset, &value, sizeof value);
  }
  /// Cut to the field's size, and always zero-terminated.
  void set(TextField field, std::string_view text) noexcept {
    const std::size_t size = text.size() < field.size ? text.size() : field.size - 1;
    std::memcpy(octets.data() + field.offset, text.data(), size);
  }
  [[nodiscard]] std::string_view get(TextField field) const noexcept {
    const char* const start = reinterpret_cast<const char*>(octets.data()) + field.offset;
    return {start, ::strnlen(start, field.size)};
  }
  [[nodiscard]] MessageType type() const noexcept { return static_cast<MessageType>(get(kType)); }
};
static_assert(sizeof(Message) == 128);

/// What a descriptor said at the moment it was loaded.
struct Slot {
  std::uint16_t flags{};
  std::uint16_t region{};
  std::uint32_t length{};
  std::uint32_t offset{};
};
inline constexpr std::uint16_t kSlotNext = 1;  // of Slot::flags: the frame goes on in the next one

/// 16 octets in shared memory: flags 16, region 16, length 32; offset 32, metadata 32 (unused).
struct Descriptor {
  std::uint64_t words[2];

  [[nodiscard]] Slot load() noexcept {
    const std::uint64_t low = std::atomic_ref{words[0]}.load(std::memory_order_relaxed);
    const std::uint64_t high = std::atomic_ref{words[1]}.load(std::memory_order_relaxed);
    return {
        .flags = static_cast<std::uint16_t>(low),
        .region = static_cast<std::uint16_t>(low >> 16U),
        .length = static_cast<std::uint32_t>(low >> 32U),
        .offset = static_cast<std::uint32_t>(high)};
  }
  /// Region and offset stay as they are.
  void store(std::uint16_t flags, std::uint16_t region, std::uint32_t length) noexcept {
    const std::uint64_t low =
        std::uint64_t{flags} | std::uint64_t{region} << 16U | std::uint64_t{length} << 32U;
    std::atomic_ref{words[0]}.store(low, std::memory_order_relaxed);
  }
};
static_assert(sizeof(Descriptor) == 16);

struct alignas(kCacheLine) RingHeader {
  std::uint32_t cookie;
  std::uint16_t flags;  // written by the receiver
  std::uint16_t head;
  alignas(kCacheLine) std::uint16_t tail;
};
static_assert(sizeof(RingHeader) == 128);
inline constexpr std::uint16_t kRingMaskInterrupt = 1;  // of RingHeader::flags: the receiver polls

}  // namespace weft::memif
