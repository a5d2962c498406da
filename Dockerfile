# Two images of one program: `docker build --target dashboard .` and `docker build --target api .`
# Every step is a script in deploy/. deploy/chroot takes the same steps without a container engine.

FROM debian:trixie-slim AS build
COPY deploy/system /deploy/system
RUN /deploy/system build
COPY . /source
# An index of your own: `docker build --secret id=pip,src=pip.conf ...`
RUN --mount=type=cache,target=/root/.cache/pip --mount=type=secret,id=pip,target=/etc/pip.conf \
    /source/deploy/install

FROM debian:trixie-slim AS run
LABEL org.opencontainers.image.title="Attune" \
      org.opencontainers.image.licenses="MIT AND CC-BY-NC-SA-4.0"
COPY deploy /deploy
RUN /deploy/system run
COPY --from=build /opt/attune /opt/attune
ENV HOME=/data PATH=/opt/attune/bin:/usr/bin:/bin
USER 10001:10001
WORKDIR /data
VOLUME /data

FROM run AS dashboard
EXPOSE 8501
CMD ["/deploy/dashboard"]
HEALTHCHECK --start-period=1m CMD ["/deploy/healthy.py", "8501", "/_stcore/health"]

FROM run AS api
EXPOSE 8000
CMD ["/deploy/api"]
HEALTHCHECK --start-period=1m CMD ["/deploy/healthy.py", "8000", "/health/live"]
