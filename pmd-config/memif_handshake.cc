#include "pmd-config/memif_handshake.h"

#include <utility>

namespace weft {

using memif::Message;
using memif::MessageType;

Message MemifHandshake::hello(std::string_view program) noexcept {
  Message message{MessageType::hello};
  message.set(memif::kHelloName, program);
  message.set(memif::kHelloMinVersion, memif::kVersion);
  message.set(memif::kHelloMaxVersion, memif::kVersion);
  message.set(memif::kHelloMaxRegion, memif::kMaxRegions - 1);
  // One ring each way: a port belongs to one worker.
  message.set(memif::kHelloMaxRingToClient, 0);
  message.set(memif::kHelloMaxRingToServer, 0);
  message.set(memif::kHelloMaxLog2RingSize, memif::kMaxLog2RingSize);
  return message;
}

Message MemifHandshake::disconnect(std::string_view reason) noexcept {
  Message message{MessageType::disconnect};
  message.set(memif::kDisconnectReason, reason);
  return message;
}

Result<Message> MemifHandshake::answer(const Message& message, UniqueFd fd) {
  const MessageType type = message.type();
  if (!is_initialised_ && type != MessageType::init && type != MessageType::ack) {
    return Error{"Expected INIT first"};
  }
  if (is_connected_) return Error{"Unexpected message after CONNECT"};
  Status status = Ok{};
  Message reply{MessageType::ack};
  switch (type) {
    case MessageType::init:
      status = on_init(message);
      break;
    case MessageType::add_region:
      status = on_add_region(message, std::move(fd));
      break;
    case MessageType::add_ring:
      status = on_add_ring(message);
      break;
    case MessageType::connect:
      status = on_connect();
      reply = Message{MessageType::connected};
      reply.set(memif::kInterfaceName, port_);
      break;
    case MessageType::none:
    case MessageType::ack:
    case MessageType::hello:
    case MessageType::connected:
    case MessageType::disconnect:
      status = Error{"Message is not for a server"};
      break;
  }
  if (!status) return status.error();
  return reply;
}

Status MemifHandshake::on_init(const Message& message) {
  if (is_initialised_) return Error{"INIT came twice"};
  if (message.get(memif::kInitVersion) != memif::kVersion) {
    return Error{"Incompatible memif version: this is 2.0"};
  }
  if (message.get(memif::kInitMode) != memif::kModeEthernet) {
    return Error{"Only Ethernet mode is supported"};
  }
  // The interface id is ignored: each port has a socket of its own.
  is_initialised_ = true;
  return Ok{};
}

Status MemifHandshake::on_add_region(const Message& message, UniqueFd fd) {
  if (!fd) return Error{"Region without a descriptor"};
  if (regions_.count() == memif::kMaxRegions) return Error{"More than 16 regions"};
  if (message.get(memif::kRegionIndex) != regions_.count()) {
    return Error{"Region index is not the next one"};
  }
  Result<memif::Region> region = memif::Region::map(std::move(fd), message.get(memif::kRegionSize));
  if (!region) return region.error();
  regions_.add(std::move(*region));
  return Ok{};
}

Status MemifHandshake::on_add_ring(const Message& message) {
  if (message.get(memif::kRingIndex) != 0) return Error{"Only one ring in each direction"};
  const bool is_to_server = (message.get(memif::kRingFlags) & memif::kRingToServer) != 0;
  std::optional<MemifRingPlace>& place = is_to_server ? to_server_ : to_client_;
  if (place) return Error{"Ring was added twice"};
  place = MemifRingPlace{
      .region = message.get(memif::kRingRegion),
      .offset = message.get(memif::kRingOffset),
      .log2_size = message.get(memif::kRingLog2Size)};
  return Ok{};
}

Status MemifHandshake::on_connect() {
  if (!to_server_ || !to_client_) return Error{"CONNECT before both rings were added"};
  Result<std::unique_ptr<MemifLink>> link =
      MemifLink::make(std::move(regions_), *to_server_, *to_client_, control_event_);
  if (!link) return link.error();
  link_ = std::move(*link);
  is_connected_ = true;
  return Ok{};
}

}  // namespace weft
