#include "pmd-config/memif_control.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "pmd-config/socket_path.h"

namespace weft {
namespace {

using memif::Message;

/// How long to leave the listener alone when there is no descriptor left for another client.
constexpr int kAcceptPauseMs = 100;

/// False: the client is gone or does not read.
bool send_message(int fd, const Message& message) noexcept {
  const ssize_t sent =
      ::send(fd, message.octets.data(), message.octets.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  return sent == static_cast<ssize_t>(message.octets.size());
}

struct Received {
  enum class Kind : std::uint8_t { message, nothing, end, wrong_size };
  Kind kind{Kind::nothing};
  Message message;
  UniqueFd fd;
};

Received receive(int socket) noexcept {
  Received out;
  Message& message = out.message;
  iovec buffer{message.octets.data(), message.octets.size()};
  union {
    cmsghdr header;  // for alignment
    std::array<char, CMSG_SPACE(sizeof(int))> room;
  } control;
  msghdr request{};
  request.msg_iov = &buffer;
  request.msg_iovlen = 1;
  request.msg_control = &control;
  // Not CMSG_SPACE: its padding would let a second descriptor in, which nobody would close.
  request.msg_controllen = CMSG_LEN(sizeof(int));
  const ssize_t octets = ::recvmsg(socket, &request, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (octets < 0) {
    const bool is_empty = errno == EAGAIN || errno == EINTR;
    out.kind = is_empty ? Received::Kind::nothing : Received::Kind::end;
    return out;
  }
  const cmsghdr* const c = CMSG_FIRSTHDR(&request);
  if (c != nullptr && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
      c->cmsg_len == CMSG_LEN(sizeof(int))) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(c), sizeof fd);
    out.fd.reset(fd);
  }
  const bool is_whole =
      octets == static_cast<ssize_t>(message.octets.size()) && (request.msg_flags & MSG_TRUNC) == 0;
  if (octets == 0) {
    out.kind = Received::Kind::end;
  } else {
    out.kind = is_whole ? Received::Kind::message : Received::Kind::wrong_size;
  }
  return out;
}

/// Bound and listening, with its final permissions before the first client can connect.
Result<UniqueFd> open_listener(const std::string& port, const std::string& socket) {
  const std::string what = port + ": socket '" + socket + "'";
  UniqueFd fd{::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!fd) return os_error(errno, what);
  const sockaddr_un address = socket_address(socket);
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  if (::bind(fd.get(), generic, sizeof address) != 0) return os_error(errno, what);
  if (::chmod(socket.c_str(), kSocketMode) != 0 || ::listen(fd.get(), 8) != 0) {
    const int errnum = errno;
    ::unlink(socket.c_str());
    return os_error(errnum, what);
  }
  return fd;
}

}  // namespace

Result<std::unique_ptr<MemifControl>> MemifControl::listen(
    const std::string& port, const std::string& socket, Handover<MemifLink>& slot
) {
  if (Status claimed = claim_socket_path(port, socket, SOCK_SEQPACKET); !claimed) {
    return claimed.error();
  }
  UniqueFd event{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (!event) return os_error(errno, port + ": cannot make an eventfd");
  Result<UniqueFd> listener = open_listener(port, socket);
  if (!listener) return listener.error();
  return std::unique_ptr<MemifControl>{
      new MemifControl{port, socket, std::move(*listener), std::move(event), slot}};
}

MemifControl::MemifControl(
    std::string port,
    std::string socket,
    UniqueFd listener,
    UniqueFd event,
    Handover<MemifLink>& slot
)
    : port_{std::move(port)},
      socket_{std::move(socket)},
      listener_{std::move(listener)},
      event_{std::move(event)},
      slot_{slot} {
  struct stat status {};
  if (::lstat(socket_.c_str(), &status) == 0) {
    device_ = status.st_dev;
    inode_ = status.st_ino;
  }
  thread_ = std::thread{[this] { run(); }};
}

MemifControl::~MemifControl() {
  stops_.store(true, std::memory_order_release);
  const std::uint64_t one = 1;
  (void)!::write(event_.get(), &one, sizeof one);
  thread_.join();
  struct stat status {};
  if (::lstat(socket_.c_str(), &status) == 0 && status.st_dev == device_ &&
      status.st_ino == inode_) {
    ::unlink(socket_.c_str());
  }
}

void MemifControl::run() {
  sigset_t all;  // signals are the main thread's
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
  while (true) {
    std::array<pollfd, 3> ready{
        {{event_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}, {client_.get(), POLLIN, 0}}};
    if (::poll(ready.data(), ready.size(), patience()) < 0 && errno != EINTR) break;
    if (ready[0].revents != 0) {
      std::uint64_t count = 0;
      (void)!::read(event_.get(), &count, sizeof count);
    }
    if (stops_.load(std::memory_order_acquire)) break;
    if (link_ && link_->failure() != nullptr) disconnect(link_->failure());
    if (client_ && ready[2].revents != 0) read_messages();
    if (client_ && !link_ && std::chrono::steady_clock::now() >= deadline_) {
      disconnect("Handshake took too long");
    }
    if (ready[1].revents != 0) accept_client();
  }
  if (client_) disconnect("Port is being removed");
}

int MemifControl::patience() const {
  if (!client_ || link_) return -1;
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      deadline_ - std::chrono::steady_clock::now()
  );
  return static_cast<int>(std::max<std::int64_t>(left.count() + 1, 0));
}

void MemifControl::accept_client() {
  UniqueFd fd{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
  if (!fd) {
    pollfd stop{event_.get(), POLLIN, 0};
    if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
      (void)::poll(&stop, 1, kAcceptPauseMs);
    }
    return;
  }
  if (client_) {
    (void)send_message(fd.get(), MemifHandshake::disconnect("Already connected"));
    return;
  }
  if (!send_message(fd.get(), MemifHandshake::hello("weft"))) return;
  client_ = std::move(fd);
  handshake_.emplace(port_, event_.get());
  deadline_ = std::chrono::steady_clock::now() + kHandshakeTime;
}

void MemifControl::read_messages() {
  while (client_) {
    Received received = receive(client_.get());
    switch (received.kind) {
      case Received::Kind::nothing:
        return;
      case Received::Kind::end:
        drop_client();
        return;
      case Received::Kind::wrong_size:
        disconnect("Message is not of 128 octets");
        return;
      case Received::Kind::message:
        break;
    }
    if (received.message.type() == memif::MessageType::disconnect) {
      drop_client();
      return;
    }
    Result<Message> reply = handshake_->answer(received.message, std::move(received.fd));
    if (!reply) {
      disconnect(reply.error().message);
      return;
    }
    if (!send_message(client_.get(), *reply)) {
      drop_client();
      return;
    }
    if (std::unique_ptr<MemifLink> link = handshake_->take_link()) {
      link_ = std::move(link);
      slot_.offer(link_.get());
    }
  }
}

void MemifControl::disconnect(std::string_view reason) {
  (void)send_message(client_.get(), MemifHandshake::disconnect(reason));
  drop_client();
}

void MemifControl::drop_client() {
  slot_.withdraw();
  link_.reset();
  handshake_.reset();
  client_.reset();
}

}  // namespace weft
