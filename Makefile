# SPDX-License-Identifier: BSD-2-Clause
# Slate's build: `make help` lists what can be asked for. A source is added by adding the file: boot/x.c, drivers/x.c or
# virtio/x.c for the firmware, tests/unit/test_x.c for a unit test, tests/fuzz/fuzz_x.c for a fuzz target.

VERSION := $(shell cat VERSION)
ARCH    := x86_64
BUILD   := build
TARGET  := $(BUILD)/$(ARCH)
HOST    := $(BUILD)/host

CC     := gcc
LD     := ld
AR     := ar
CLANG  := clang-14
PYTHON := /usr/bin/python3

FUZZ_SECONDS ?= 60
COVERAGE_ARGS ?=
PYTEST_ARGS  ?=

# V=1 shows the commands.
ifeq ($(V),1)
say = @:
Q :=
else
say = @printf '  %-8s %s\n'
Q := @
MAKEFLAGS += --no-print-directory
endif

.DELETE_ON_ERROR:
.SUFFIXES:

.PHONY: all
all: $(TARGET)/slate.elf $(TARGET)/libslate.a ## build the firmware and the driver library (the default)

.PHONY: help
help: ## list these targets
	@echo 'make [V=1] [-j2] TARGET...'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

# ---- Compiler flags -------------------------------------------------------------------------------------------------

WARNINGS := -Wall -Wextra -Werror -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes -Wmissing-prototypes \
	-Wvla -Wundef -Wcast-qual

# The same sources give the same bits, wherever they lie: no absolute path, no time, no host name gets into an object.
REPRODUCIBLE := -ffile-prefix-map=$(CURDIR)=. -Wdate-time
export LC_ALL   := C
export TZ       := UTC
unexport SOURCE_DATE_EPOCH

DEPENDENCIES = -MMD -MP
DEFINES      := -DSLATE_VERSION='"$(VERSION)"' -DSLATE_ARCH='"$(ARCH)"'

# Firmware: one set of objects an architecture, which may be linked at any address; general registers only, because
# nothing saves the others; no red zone, because exceptions run on the same stack under UEFI.
MACHINE_x86_64 := -m64 -march=x86-64 -mgeneral-regs-only -mno-red-zone -fcf-protection=none
CODE_FLAGS := $(MACHINE_$(ARCH)) -O2 -ffreestanding -fpie -fvisibility=hidden -fno-stack-protector \
	-fno-asynchronous-unwind-tables -fno-strict-aliasing -ffunction-sections -fdata-sections

COMPILER_HEADERS := $(shell $(CC) -print-file-name=include)
# A frame may take an eighth of the stack (linker/).
TARGET_FLAGS := $(CODE_FLAGS) -g $(WARNINGS) -Wframe-larger-than=8192 $(REPRODUCIBLE) $(DEFINES) -nostdinc -I. \
	-isystem $(TARGET)/newlib/include -isystem $(COMPILER_HEADERS)

# ---- The C library, once --------------------------------------------------------------------------------------------

NEWLIB := $(TARGET)/newlib/libc.a

$(NEWLIB): tools/newlib/build.sh tools/newlib/newlib.h tools/newlib/sources.txt
	$(say) NEWLIB $@
	$(Q)mkdir -p $(TARGET)
	$(Q)CC='$(CC)' AR='$(AR)' NEWLIB_CFLAGS='$(CODE_FLAGS) -g0' tools/newlib/build.sh $(ARCH) $(TARGET)/newlib

.PHONY: newlib
newlib: $(NEWLIB) ## build the C library only

# ---- Firmware and library -------------------------------------------------------------------------------------------

LIBRARY_SOURCES := $(sort $(wildcard virtio/*.c drivers/*.c))
BOOT_SOURCES    := $(sort $(wildcard boot/*.c))
ARCH_SOURCES    := $(sort $(wildcard boot/$(ARCH)/*.c boot/$(ARCH)/*.S))

LIBRARY_OBJECTS := $(LIBRARY_SOURCES:%.c=$(TARGET)/%.o)
BOOT_OBJECTS    := $(BOOT_SOURCES:%.c=$(TARGET)/%.o) $(patsubst %,$(TARGET)/%.o,$(basename $(ARCH_SOURCES)))

$(TARGET)/%.o: %.c Makefile VERSION | $(NEWLIB)
	$(say) CC $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 $(TARGET_FLAGS) $(DEPENDENCIES) -c $< -o $@

$(TARGET)/%.o: %.S Makefile
	$(say) AS $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(TARGET_FLAGS) $(DEPENDENCIES) -c $< -o $@

$(TARGET)/libslate.a: $(LIBRARY_OBJECTS)
	$(say) AR $@
	$(Q)rm -f $@
	$(Q)$(AR) rcsD $@ $^

LINK_FLAGS := -nostdlib -static -z noexecstack -z max-page-size=4096 --build-id=none --gc-sections \
	--orphan-handling=error --fatal-warnings

$(TARGET)/slate.elf: linker/$(ARCH)-pvh.ld $(BOOT_OBJECTS) $(TARGET)/libslate.a $(NEWLIB)
	$(say) LD $@
	$(Q)$(LD) $(LINK_FLAGS) -T $< -Map $@.map -o $@ $(BOOT_OBJECTS) $(TARGET)/libslate.a $(NEWLIB)

# ---- Host builds of the same sources, for tests ---------------------------------------------------------------------

# Not on the host: what only newlib asks for, and the one function that every test brings itself (to look at notes).
HOST_BOOT_SOURCES := $(filter-out boot/syscalls.c boot/note.c,$(BOOT_SOURCES))
SANITIZERS := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
HOST_FLAGS := -std=gnu11 -g -O1 $(WARNINGS) $(REPRODUCIBLE) $(DEFINES) -I.
TEST_FLAGS := $(HOST_FLAGS) $(SANITIZERS)
FUZZ_FLAGS := $(HOST_FLAGS) $(SANITIZERS) -fsanitize=fuzzer-no-link

$(HOST)/test/%.o: %.c Makefile VERSION
	$(say) CC $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(TEST_FLAGS) $(DEPENDENCIES) -c $< -o $@

$(HOST)/fuzz/%.o: %.c Makefile VERSION
	$(say) CLANG $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_FLAGS) $(DEPENDENCIES) -c $< -o $@

# Archives: a test links what it uses, and may bring its own version of a file's functions. (q, not r: two members may
# have the same name.)
define host_archive
$(HOST)/$(1)/$(2).a: $(patsubst %.c,$(HOST)/$(1)/%.o,$(3))
	$$(say) AR $$@
	$$(Q)rm -f $$@
	$$(Q)$$(AR) qcsD $$@ $$^
endef
$(foreach kind,test fuzz,\
	$(eval $(call host_archive,$(kind),virtio,$(filter virtio/%,$(LIBRARY_SOURCES))))\
	$(eval $(call host_archive,$(kind),drivers,$(filter drivers/%,$(LIBRARY_SOURCES))))\
	$(eval $(call host_archive,$(kind),boot,$(HOST_BOOT_SOURCES))))

# The launcher, the host's side. Its table of rules is made from the tables of requirements.
LAUNCHER_RULES   := $(HOST)/rules/rules.c
LAUNCHER_SOURCES := $(filter-out launcher/main.c,$(sort $(wildcard launcher/*.c))) $(LAUNCHER_RULES)
GUEST_SOURCES    := $(sort $(wildcard launcher/guest/*.c))
SIM_SOURCES      := $(sort $(wildcard launcher/sim/*.c)) $(GUEST_SOURCES)

# Left alone if nothing of it changed: all of the launcher depends on it.
$(LAUNCHER_RULES): tools/spec-rules tools/spec_tables.py $(wildcard docs/spec/*.tsv launcher/*.c launcher/*/*.c tests/unit/test_*.c)
	$(say) RULES $@
	$(Q)mkdir -p $(@D)
	$(Q)tools/spec-rules >$@.new
	$(Q)cmp -s $@.new $@ || cp $@.new $@

# For other people's tests: no sanitizer in it.
$(HOST)/plain/%.o: %.c Makefile VERSION
	$(say) CC $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HOST_FLAGS) -O2 $(DEPENDENCIES) -c $< -o $@

$(HOST)/liblauncher.a: $(LAUNCHER_SOURCES:%.c=$(HOST)/plain/%.o)
	$(say) AR $@
	$(Q)rm -f $@
	$(Q)$(AR) rcsD $@ $^

# The simulator runs the real drivers, and sees each of their loads, stores and barriers.
SIM_FLAGS := $(TEST_FLAGS) -O2 -DVIRTIO_ACCESS_HOOK='"launcher/sim/access_hook.h"'
SIM_OBJECTS := $(patsubst %.c,$(HOST)/sim/%.o,$(LAUNCHER_SOURCES) $(SIM_SOURCES) $(LIBRARY_SOURCES))

$(HOST)/sim/%.o: %.c Makefile VERSION
	$(say) CC $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(SIM_FLAGS) $(DEPENDENCIES) -c $< -o $@

$(HOST)/launcher: $(HOST)/sim/launcher/main.o $(SIM_OBJECTS)
	$(say) LD $@
	$(Q)$(CC) $(SANITIZERS) -o $@ $^

# How others use it: nothing but the header and the archive.
$(HOST)/example: tests/launcher/example.c $(HOST)/liblauncher.a Makefile
	$(say) LD $@
	$(Q)$(CC) $(HOST_FLAGS) -o $@ $(filter-out Makefile,$^)

$(eval $(call host_archive,test,launcher,$(LAUNCHER_SOURCES) $(GUEST_SOURCES)))
$(eval $(call host_archive,fuzz,launcher,$(LAUNCHER_SOURCES)))

# What tests share: every file beside them that is not a test.
UNIT_SUPPORT := $(sort $(filter-out tests/unit/test_%,$(wildcard tests/unit/*.c tests/unit/support/*.c)))
FUZZ_SUPPORT := $(sort $(filter-out tests/fuzz/fuzz_%,$(wildcard tests/fuzz/*.c tests/fuzz/support/*.c))) $(UNIT_SUPPORT)
$(eval $(call host_archive,test,support,$(UNIT_SUPPORT)))
$(eval $(call host_archive,fuzz,support,$(FUZZ_SUPPORT)))

archives = $(addprefix $(HOST)/$(1)/,support.a launcher.a boot.a drivers.a virtio.a)

UNIT_TESTS   := $(patsubst tests/unit/%.c,%,$(sort $(wildcard tests/unit/test_*.c)))
UNIT_BINARIES := $(UNIT_TESTS:%=$(HOST)/test/unit/%)
FUZZ_TARGETS := $(patsubst tests/fuzz/%.c,%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
FUZZ_BINARIES := $(FUZZ_TARGETS:%=$(HOST)/fuzz/bin/%)

$(UNIT_BINARIES): $(HOST)/test/unit/%: $(HOST)/test/tests/unit/%.o $(call archives,test)
	$(say) LD $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(SANITIZERS) -o $@ $< -Wl,--start-group $(call archives,test) -Wl,--end-group -lcmocka

$(FUZZ_BINARIES): $(HOST)/fuzz/bin/%: $(HOST)/fuzz/tests/fuzz/%.o $(call archives,fuzz)
	$(say) LD $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(SANITIZERS) -fsanitize=fuzzer -o $@ $< -Wl,--start-group $(call archives,fuzz) -Wl,--end-group

# ---- Tests ----------------------------------------------------------------------------------------------------------

.PHONY: check
check: ## install what is missing, build, and run every test
	$(Q)tools/install-packages build run check
	$(Q)$(MAKE) all unit fuzz-replay check-image
	$(Q)$(MAKE) sim-check
	$(Q)$(MAKE) lint
	$(Q)$(MAKE) mutants
	$(Q)$(MAKE) repro
	$(Q)$(MAKE) qemu-test

RUN_UNIT := $(UNIT_TESTS:%=run-%)
.PHONY: unit $(RUN_UNIT)
unit: $(RUN_UNIT) run-launcher ## unit tests on the host (one: make run-test_x)

$(RUN_UNIT): run-%: $(HOST)/test/unit/%
	$(say) TEST $*
	$(Q)timeout 300 $< >$<.log 2>&1 || { cat $<.log; echo "$* failed"; exit 1; }

# ---- Coverage of the guest side by the unit tests -------------------------------------------------------------------

COVERAGE_BRANCHES := 95
COV_OBJECTS = $(1:%.c=$(HOST)/cov/%.o)
COV_LIBRARY := $(call COV_OBJECTS,$(filter virtio/% drivers/%,$(LIBRARY_SOURCES)))
COV_BINARIES := $(UNIT_TESTS:%=$(HOST)/cov/unit/%)

$(HOST)/cov/%.o: %.c Makefile VERSION
	$(say) CC $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HOST_FLAGS) -O0 --coverage -fprofile-abs-path $(DEPENDENCIES) -c $< -o $@

$(HOST)/cov/cov.a: $(call COV_OBJECTS,$(UNIT_SUPPORT) $(LAUNCHER_SOURCES) $(GUEST_SOURCES) $(HOST_BOOT_SOURCES)) $(COV_LIBRARY)
	$(say) AR $@
	$(Q)rm -f $@
	$(Q)$(AR) qcsD $@ $^

$(COV_BINARIES): $(HOST)/cov/unit/%: $(HOST)/cov/tests/unit/%.o $(HOST)/cov/cov.a
	$(say) LD $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) --coverage -o $@ $< -Wl,--start-group $(HOST)/cov/cov.a -Wl,--end-group -lcmocka

.PHONY: coverage
coverage: ## branch coverage of virtio/ and drivers/ by the unit tests, and reasons for what is left
	$(Q)tools/install-packages build check
	$(Q)$(MAKE) $(COV_BINARIES)
	$(Q)find $(HOST)/cov -name '*.gcda' -delete
	$(Q)printf '%s\n' $(COV_BINARIES) | xargs -P $(JOBS) -I TEST sh -c 'timeout 300 TEST >TEST.log 2>&1 || { cat TEST.log; exit 255; }'
	$(Q)gcovr --root . --filter virtio/ --filter drivers/ --object-directory $(HOST)/cov --branches \
		--exclude-unreachable-branches --json $(HOST)/cov/coverage.json $(COVERAGE_ARGS)
	$(Q)tools/check-coverage $(HOST)/cov/coverage.json $(COVERAGE_BRANCHES)

.PHONY: launcher run-launcher
launcher: $(HOST)/launcher $(HOST)/liblauncher.a ## build the launcher and its library

run-launcher: $(HOST)/launcher $(HOST)/example
	$(say) TEST launcher
	$(Q)timeout 300 tests/launcher/run $^

SIM_SEEDS ?= 1000

.PHONY: sim-test sim-check soak
sim-test: $(HOST)/launcher ## the simulator itself: same seed, same run; and broken drivers are found
	$(say) TEST sim
	$(Q)timeout 1200 tests/sim/run $< $(HOST)/sim/launcher/main.o $(SIM_OBJECTS) >$(HOST)/sim-test.log 2>&1 || \
		{ cat $(HOST)/sim-test.log; exit 1; }

sim-check: sim-test ## the drivers against devices that misbehave: SIM_SEEDS=1000 seeds of each
	$(say) SIM '$(SIM_SEEDS) seeds of each device'
	$(Q)printf '%s\n' blk console | xargs -P $(JOBS) -I DEVICE sh -c 'timeout 1200 $(HOST)/launcher sim --device DEVICE \
		--seeds $(SIM_SEEDS) >$(HOST)/sim-DEVICE.log 2>&1 || { cat $(HOST)/sim-DEVICE.log; exit 255; }'

soak: $(HOST)/launcher ## SEEDS=N seeds of each device in the simulator; goes on where it was stopped
	$(Q)tools/soak $(SEEDS)

.PHONY: conformance
conformance: ## write docs/conformance.md from the tables and the tests
	$(Q)tools/conformance

.PHONY: mutants
mutants: ## break the code in one place after another and see a test fail each time
	$(say) MUTANTS
	$(Q)mkdir -p $(HOST)
	$(Q)tests/mutants/run >$(HOST)/mutants.log 2>&1 || { grep -v ': noticed' $(HOST)/mutants.log; exit 1; }
	$(Q)tail -n 1 $(HOST)/mutants.log

# CBMC is fetched if it is not installed (tools/get-cbmc): nothing that `make check` should depend on.
.PHONY: proof
proof: ## prove the split queue with CBMC, where it can be had; not part of check (minutes, and a download)
	$(Q)tools/install-packages check
	$(say) PROOF
	$(Q)cbmc=$$(tools/get-cbmc $(BUILD)/cbmc) && tests/proof/run "$$cbmc"

REPLAY_FUZZ := $(FUZZ_TARGETS:%=replay-%)
.PHONY: fuzz-replay $(REPLAY_FUZZ)
fuzz-replay: $(REPLAY_FUZZ) ## every file of the fuzz corpus once

$(REPLAY_FUZZ): replay-fuzz_%: $(HOST)/fuzz/bin/fuzz_%
	$(say) REPLAY fuzz_$*
	$(Q)test -n "$$(ls tests/fuzz/corpus/$* 2>/dev/null)" || { echo "tests/fuzz/corpus/$* is empty"; exit 1; }
	$(Q)timeout 600 $< -runs=0 tests/fuzz/corpus/$* >$<.log 2>&1 || { tail -n 40 $<.log; exit 1; }

RUN_FUZZ := $(FUZZ_TARGETS:%=run-%)
.PHONY: fuzz $(RUN_FUZZ)
fuzz: $(RUN_FUZZ) ## fuzz every target for FUZZ_SECONDS=60 each (-j2: two at a time; one: make run-fuzz_x)

# New inputs go to build/, so that the corpus in the tree is changed on purpose only (tests/fuzz/README.md).
$(RUN_FUZZ): run-fuzz_%: $(HOST)/fuzz/bin/fuzz_%
	$(say) FUZZ 'fuzz_$* for $(FUZZ_SECONDS) s'
	$(Q)mkdir -p $(HOST)/fuzz/corpus/$* $(HOST)/fuzz/findings
	$(Q)$< -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
		-artifact_prefix=$(HOST)/fuzz/findings/fuzz_$*- $(HOST)/fuzz/corpus/$* tests/fuzz/corpus/$* \
		>$<.fuzz.log 2>&1 || { tail -n 40 $<.fuzz.log; exit 1; }
	$(Q)grep number_of_executed_units $<.fuzz.log

.PHONY: qemu-test
qemu-test: all $(HOST)/launcher ## boot tests under QEMU (PYTEST_ARGS='-k name')
	$(Q)$(PYTHON) -m pytest tests/qemu $(PYTEST_ARGS)

.PHONY: check-image
check-image: all ## what the objects may contain: registers, symbols
	$(say) CHECK $(TARGET)/slate.elf
	$(Q)tools/check-registers $(TARGET)/slate.elf
	$(say) CHECK $(TARGET)/libslate.a
	$(Q)tools/check-symbols $(TARGET)/libslate.a

.PHONY: repro
repro: ## build twice in two folders and compare
	$(say) REPRO 'slate.elf libslate.a'
	$(Q)tools/check-reproducible $(BUILD)/repro

BENCH_ARGS ?=

# The read loops: the firmware with another main().
$(TARGET)/bench/read.elf: linker/$(ARCH)-pvh.ld $(filter-out $(TARGET)/boot/main.o,$(BOOT_OBJECTS)) \
		$(TARGET)/bench/$(ARCH)/read.o $(TARGET)/libslate.a $(NEWLIB)
	$(say) LD $@
	$(Q)mkdir -p $(@D)
	$(Q)$(LD) $(LINK_FLAGS) -T $< -o $@ $(filter %.o,$^) $(TARGET)/libslate.a $(NEWLIB)

.PHONY: bench
bench: ## measure Slate beside SeaBIOS and OVMF (BENCH_ARGS='--help')
	$(Q)tools/install-packages build run bench
	$(Q)$(MAKE) all $(TARGET)/bench/read.elf
	$(Q)$(PYTHON) bench/run.py $(BENCH_ARGS)

# ---- Style and static checks ----------------------------------------------------------------------------------------

C_FILES := $(sort $(shell find bench boot drivers launcher tests virtio -name '*.[ch]'))
TIDY_FILES := $(filter-out boot/syscalls.c,$(LIBRARY_SOURCES) $(BOOT_SOURCES) $(filter %.c,$(ARCH_SOURCES))) \
	$(sort $(wildcard launcher/*.c launcher/*/*.c))
SHELL_FILES := $(sort $(shell grep -rlI --exclude-dir=build --exclude-dir=.git '^#!.*bash' .))
JOBS := $(shell nproc)

.PHONY: lint lint-format lint-tidy lint-cppcheck lint-rules
lint: lint-format lint-tidy lint-cppcheck lint-rules ## style and static checks

lint-format:
	$(say) FORMAT
	$(Q)clang-format --dry-run -Werror $(C_FILES)

lint-tidy:
	$(say) TIDY
	$(Q)mkdir -p $(BUILD)
	$(Q)printf '%s\n' $(TIDY_FILES) | xargs -P $(JOBS) -I FILE \
		clang-tidy --quiet FILE -- -std=gnu11 $(DEFINES) -I. 2>$(BUILD)/tidy.log

lint-cppcheck:
	$(say) CPPCHECK
	$(Q)cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
		--suppress=missingIncludeSystem --platform=unix64 -D__x86_64__ $(DEFINES) -I. -j $(JOBS) $(TIDY_FILES)

lint-rules:
	$(say) RULES
	$(Q)tools/check-includes
	$(Q)tools/check-spdx
	$(Q)tools/check-spec-ids
	$(Q)tools/check-rules
	$(Q)tools/conformance --check
	$(Q)shellcheck $(SHELL_FILES)

# ---- The rest -------------------------------------------------------------------------------------------------------

.PHONY: clean
clean: ## remove everything that was built
	rm -rf $(BUILD)

-include $(shell test -d $(BUILD) && find $(BUILD) -type f -name '*.d' -not -path '$(BUILD)/repro/*')
