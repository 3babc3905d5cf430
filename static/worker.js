// Makes JPEGs of frames, away from the page's thread, and keeps time for a page that is hidden: the timers of
// hidden pages are slowed down, those of workers are not.

const canvas = new OffscreenCanvas(16, 16);
const context = canvas.getContext('2d', { alpha: false, willReadFrequently: true });
let timer;

onmessage = async ({ data }) => {
  if (data.tick !== undefined) {
    clearInterval(timer);
    timer = data.tick && setInterval(() => postMessage({ tick: true }), data.tick);
    return;
  }
  const { frame, width, height, place, quality } = data;
  try {
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
    }
    if (place.some((side, index) => side !== [0, 0, width, height][index])) {
      context.fillRect(0, 0, width, height);
    }
    context.drawImage(frame, ...place);
    frame.close();
    const blob = await canvas.convertToBlob({ type: 'image/jpeg', quality });
    const jpeg = await blob.arrayBuffer();
    postMessage({ jpeg }, [jpeg]);
  } catch (error) {
    frame.close();
    postMessage({ error: String(error) });
  }
};

// It is there.
postMessage({ tick: true });
